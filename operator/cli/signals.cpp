#include "operator/cli/signals.hpp"

#include <signal.h>
#include <unistd.h>

#include <mutex>
#include <thread>

namespace fermi {

struct Signals::Impl {
  void wait() {
    for (bool first = true;; first = false) {
      int signal = 0;
      sigwait(&set, &signal);
      if (signal == SIGUSR2) return;  // the destructor's
      if (!first) _exit(128 + signal);
      const std::lock_guard lock(mutex);
      pending = signal;
      pass_on();
    }
  }

  void pass_on() {
    if (loop == nullptr || pending == 0) return;
    loop->post([call = on_signal, signal = pending] { call(signal); });
    pending = 0;
  }

  sigset_t set{};
  std::mutex mutex;  // guards what follows
  k8s::Loop* loop = nullptr;
  std::function<void(int)> on_signal;
  int pending = 0;
  std::thread thread;
};

Signals::Signals() : impl_(std::make_unique<Impl>()) {
  signal(SIGPIPE, SIG_IGN);
  sigemptyset(&impl_->set);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR2}) sigaddset(&impl_->set, signal);
  pthread_sigmask(SIG_BLOCK, &impl_->set, nullptr);
  impl_->thread = std::thread([impl = impl_.get()] { impl->wait(); });
}

Signals::~Signals() {
  pthread_kill(impl_->thread.native_handle(), SIGUSR2);
  impl_->thread.join();
}

std::shared_ptr<void> Signals::deliver_to(k8s::Loop& loop, std::function<void(int)> on_signal) {
  const std::lock_guard lock(impl_->mutex);
  impl_->loop = &loop;
  impl_->on_signal = std::move(on_signal);
  impl_->pass_on();
  return {impl_.get(), [](Impl* impl) {
            const std::lock_guard guard(impl->mutex);
            impl->loop = nullptr;
          }};
}

}  // namespace fermi
