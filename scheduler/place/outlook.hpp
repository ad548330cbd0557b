// Outlook: the room there would be without some of what is there, for each profile and node.
//
//   kWithoutLow   without the Low tasks that may be asked to stop: whoever waits above Low may have
//                 these at once (preempt/promise.hpp), so that each look ahead for one begins there
//   kSettled      without them, when all who were asked to stop and all Pods of attempts that are
//                 over have gone, and what is kept for holders is taken: where each search for
//                 victims by tier begins
//
// In a large cluster there are many more Low tasks than changes between two looks: both are kept,
// and made true again for the nodes that changed (Cluster::changes). This is no content.
//
// What a task uses on a node where it was not placed is left out.
#pragma once

#include "scheduler/state/state.hpp"

namespace sched {

// True until something changes. Not below 0 Pods on any node.
const Profile::Outlook& outlook_of(State& state, ProfileId profile, Outlook which);
// How much more would be free there (below 0: less); as of the last `outlook_of`.
const Amounts& outlook_on(const State& state, NodeId node, Outlook which);
// Makes an outlook true for a node that stands at `at` in it, if so much more is free there (below
// 0: less).
void note_gain(const State& state, ProfileId profile, NodeId node, const Amounts& more,
               Profile::Outlook& known, std::size_t at);

}  // namespace sched
