// LedgerLeader: one leader as far as the ledger goes: its connection, its cache, and what it keeps
// there (LedgerStore, or something that stands on one).
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "libk8s/transport/client.hpp"
#include "operator/ledger/store.hpp"
#include "operator/report/metrics.hpp"
#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {

template <class Store>
class LedgerLeader {
 public:
  // The rest is handed to the Store, behind loop, writer, namespace and cache.
  template <class... Rest>
  LedgerLeader(Cluster& cluster, unsigned seed, Rest&&... rest)
      : process_(cluster.loop, seed, k8s::Duration(0)) {
    transport_ = std::make_unique<sim::SimTransport>(cluster.server, process_, "operator", faults_,
                                                     seed + 100);
    client_ = std::make_unique<k8s::Client>(process_, *transport_);
    writer_ = std::make_unique<Writer>(*client_, metrics);
    cache_ = std::make_unique<k8s::Informer<LedgerShard>>(
        process_, *transport_,
        k8s::InformerOptions{.ns = "fermi-system", .label_selector = kLedgerLabel});
    cache_->start();
    EXPECT_TRUE(cluster.wait(std::chrono::minutes(1), [this] { return cache_->synced(); }));
    store = std::make_unique<Store>(process_, *writer_, "fermi-system", *cache_,
                                    std::forward<Rest>(rest)...);
  }
  ~LedgerLeader() { die(); }
  // As kill -9 would: half of what is on its way still arrives.
  void die() {
    if (!process_.alive()) return;
    process_.kill();
    transport_->die();
    store.reset();
  }
  sim::SimTransport& transport() { return *transport_; }
  sim::ProcessLoop& process() { return process_; }

  Metrics metrics;
  std::unique_ptr<Store> store;

 private:
  sim::Faults faults_;
  sim::ProcessLoop process_;
  std::unique_ptr<sim::SimTransport> transport_;
  std::unique_ptr<k8s::Client> client_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<k8s::Informer<LedgerShard>> cache_;
};

}  // namespace fermi::testing
