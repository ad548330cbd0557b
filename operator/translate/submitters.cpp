#include "operator/translate/submitters.hpp"

#include "libk8s/codec/selector.hpp"

namespace fermi {

std::string submitter_problem(const std::string& ns, const Namespace* space,
                              const TaskQueue* queue) {
  if (queue == nullptr || !queue->spec.namespace_selector) return "";
  const std::string& text = *queue->spec.namespace_selector;
  const auto selector = k8s::LabelSelector::parse(text);
  static const k8s::StringMap kNone;
  if (selector && selector->matches(space != nullptr ? space->meta.labels : kNone)) return "";
  return "namespace " + ns + " may not submit to queue \"" + queue->meta.name +
         "\": its spec.namespaceSelector asks for " + text;
}

}  // namespace fermi
