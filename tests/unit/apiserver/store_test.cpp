// The store: revisions, history, durability of one process's writes over a reopen.
#include "libk8s/apiserver/store/store.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace k8s::apiserver {
namespace {

using Json = nlohmann::json;

std::unique_ptr<Store> memory(std::size_t history = 100) {
  return std::move(Store::open(":memory:", history)).value();
}

ObjectId id(const std::string& name) { return {"things", "ns", name}; }

Json thing(int value) { return {{"metadata", {{"uid", "u"}}}, {"value", value}}; }

// A fresh folder that goes with the test.
struct Folder {
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "store-XXXXXX";
    path = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file() const { return path + "/objects.db"; }
  std::string path;
};

TEST(Store, Gives_each_change_of_any_resource_the_next_revision) {
  auto store = memory();
  EXPECT_EQ((*store->put(id("a"), thing(1)))->revision(), 1U);
  EXPECT_EQ((*store->put({"others", "", "b"}, thing(1)))->revision(), 2U);
  EXPECT_EQ((*store->remove(id("a"), thing(1)))->revision(), 3U);
  EXPECT_EQ(store->revision(), 3U);
  EXPECT_EQ(store->get(id("a")), nullptr);
}

TEST(Store, Writes_the_revision_into_the_object) {
  auto store = memory();
  const auto stored = store->put(id("a"), thing(1));
  EXPECT_EQ((*stored)->json()["metadata"]["resourceVersion"], "1");
  EXPECT_EQ((*stored)->uid(), "u");
}

TEST(Store, Orders_objects_by_namespace_and_name) {
  auto store = memory();
  (void)store->put({"things", "b", "x"}, thing(1));
  (void)store->put({"things", "a", "z"}, thing(1));
  (void)store->put({"things", "a", "y"}, thing(1));
  std::string order;
  for (const auto& [key, object] : store->all("things")) order += key.first + key.second + " ";
  EXPECT_EQ(order, "ay az bx ");
}

TEST(Store, Shows_any_past_revision_that_its_history_reaches) {
  auto store = memory();
  (void)store->put(id("a"), thing(1));     // 1
  (void)store->put(id("b"), thing(1));     // 2
  (void)store->put(id("a"), thing(2));     // 3
  (void)store->remove(id("b"), thing(1));  // 4
  const auto value = [&](std::uint64_t at, const char* name) {
    const auto past = *store->all_at("things", at);
    const auto found = past.find({"ns", name});
    return found == past.end() ? 0 : found->second->json()["value"].get<int>();
  };
  EXPECT_EQ(value(1, "a"), 1);
  EXPECT_EQ(value(1, "b"), 0);
  EXPECT_EQ(value(2, "b"), 1);
  EXPECT_EQ(value(3, "a"), 2);
  EXPECT_EQ(value(4, "b"), 0);
  EXPECT_EQ((*store->all_at("things", 2)).at({"ns", "b"})->revision(), 2U);
}

TEST(Store, Forgets_events_beyond_its_history_and_says_where_it_begins) {
  auto store = memory(2);
  for (int i = 1; i <= 5; ++i) (void)store->put(id("a"), thing(i));
  EXPECT_EQ(store->floor("things"), 3U);
  EXPECT_EQ(store->next_event("things", 3)->revision, 4U);
  EXPECT_FALSE(store->all_at("things", 2).has_value());
  EXPECT_TRUE(store->all_at("things", 3).has_value());
}

TEST(Store, Keeps_superseded_states_readable_after_they_were_shrunk) {
  auto store = memory(1000);
  for (int i = 1; i <= 300; ++i) (void)store->put(id("a"), thing(i));
  EXPECT_EQ(store->next_event("things", 0)->after->json()["value"], 1);
  EXPECT_EQ((*store->all_at("things", 17)).at({"ns", "a"})->json()["value"], 17);
}

TEST(Store, Compaction_leaves_nothing_to_resume_from_before_it) {
  auto store = memory();
  (void)store->put(id("a"), thing(1));
  store->compact();
  EXPECT_EQ(store->floor("things"), 1U);
  EXPECT_EQ(store->floor("never-seen"), 1U);
  EXPECT_EQ(store->next_event("things", 1), nullptr);
}

TEST(Store, Goes_on_where_it_was_after_a_reopen) {
  Folder folder;
  {
    auto store = std::move(Store::open(folder.file(), 10)).value();
    (void)store->put(id("a"), thing(1));
    (void)store->put(id("b"), thing(2));
    (void)store->remove(id("a"), thing(1));
  }
  auto store = std::move(Store::open(folder.file(), 10)).value();
  EXPECT_EQ(store->revision(), 3U);
  EXPECT_EQ(store->get(id("a")), nullptr);
  EXPECT_EQ(store->get(id("b"))->json()["value"], 2);
  EXPECT_EQ(store->get(id("b"))->revision(), 2U);
  // The history is gone: who was behind has to list again.
  EXPECT_EQ(store->floor("things"), 3U);
}

TEST(Store, Goes_back_to_what_it_was_when_it_is_restored) {
  auto store = memory();
  (void)store->put(id("a"), thing(1));     // 1
  (void)store->put(id("b"), thing(2));     // 2
  (void)store->remove(id("b"), thing(2));  // 3
  const Backup backup = store->backup();
  (void)store->put(id("a"), thing(7));
  (void)store->put(id("c"), thing(8));
  auto restored = std::move(Store::restore(":memory:", 10, backup)).value();
  EXPECT_EQ(restored->revision(), 3U);
  EXPECT_EQ(restored->get(id("a"))->json()["value"], 1);
  EXPECT_EQ(restored->get(id("a"))->revision(), 1U);
  EXPECT_EQ(restored->get(id("b")), nullptr);
  EXPECT_EQ(restored->get(id("c")), nullptr);
  EXPECT_EQ(restored->floor("things"), 3U) << "who was behind has to list again";
  EXPECT_EQ((*restored->put(id("d"), thing(9)))->revision(), 4U);
}

TEST(Store, Is_restored_into_an_empty_database_only) {
  Folder folder;
  auto store = std::move(Store::open(folder.file(), 10)).value();
  (void)store->put(id("a"), thing(1));
  const Backup backup = store->backup();
  store.reset();
  EXPECT_EQ(Store::restore(folder.file(), 10, backup).status().code(), Code::kInvalid);
}

TEST(Store, Keeps_its_file_to_its_owner) {
  Folder folder;
  auto store = std::move(Store::open(folder.file(), 10)).value();
  (void)store->put(id("secret"), thing(1));
  for (const auto& entry : std::filesystem::directory_iterator(folder.path)) {
    struct stat info {};
    ASSERT_EQ(::stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << entry.path();
  }
}

TEST(Store, Keeps_a_second_process_out) {
  Folder folder;
  auto store = std::move(Store::open(folder.file(), 10)).value();
  (void)store->put(id("a"), thing(1));
  const auto second = Store::open(folder.file(), 10);
  ASSERT_FALSE(second.is_ok());
  EXPECT_NE(second.status().message().find(folder.file() + ": another process has it open"),
            std::string::npos)
      << second.status().message();
}

TEST(Store, Refuses_a_database_of_a_newer_version) {
  Folder folder;
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(folder.file().c_str(), &db), SQLITE_OK);
  sqlite3_exec(db, "PRAGMA user_version=99", nullptr, nullptr, nullptr);
  sqlite3_close(db);
  const auto store = Store::open(folder.file(), 10);
  ASSERT_FALSE(store.is_ok());
  EXPECT_NE(store.status().message().find("newer version"), std::string::npos);
}

TEST(Store, Says_so_when_the_file_is_no_database) {
  Folder folder;
  std::filesystem::create_directory(folder.file());
  EXPECT_FALSE(Store::open(folder.file(), 10).is_ok());
  const std::string other = folder.file() + ".txt";
  std::ofstream(other) << std::string(5'000, 'x');
  const auto store = Store::open(other, 10);
  ASSERT_FALSE(store.is_ok());
  EXPECT_NE(store.status().message().find(other), std::string::npos) << store.status().message();
}

TEST(Store, Changes_nothing_when_the_disk_refuses) {
  Folder folder;
  auto store = std::move(Store::open(folder.file(), 10)).value();
  ASSERT_TRUE(store->put(id("a"), thing(1)).is_ok());
  // A limit on the size of files stands for a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit tight{64 * 1024, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &tight);
  Json large = thing(2);
  large["text"] = std::string(500'000, 'x');
  const auto refused = store->put(id("a"), std::move(large));
  ::setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(refused.is_ok());
  EXPECT_EQ(store->revision(), 1U);
  EXPECT_EQ(store->get(id("a"))->json()["value"], 1);
  EXPECT_TRUE(store->put(id("a"), thing(3)).is_ok());
  EXPECT_EQ(store->revision(), 2U);
}

}  // namespace
}  // namespace k8s::apiserver
