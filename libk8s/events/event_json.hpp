// Event objects (events.k8s.io/v1) as JSON. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "libk8s/events/event_recorder.hpp"

namespace k8s {

// What makes two events one series.
std::string series_key(const EventNote& note, const EventRecorder::Options& options);

// "<object>.<16 hex digits>", cut to the length a name may have.
std::string event_name(const std::string& object_name, std::uint64_t number);

// The namespace an Event about this object lives in.
std::string event_namespace(const ObjectReference& regarding);

// Cuts at a character's beginning, so that the rest is UTF-8 as before.
std::string cut_utf8(const std::string& text, std::size_t bytes_max);

nlohmann::json event_object(const EventNote& note, const EventRecorder::Options& options,
                            const std::string& name, WallTime when);

// What turns an Event into a series, or updates one; also part of an Event that is created anew.
nlohmann::json series_patch(std::int64_t count, WallTime last);

}  // namespace k8s
