#include "operator/local/manifests.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "operator/local/journal_file.hpp"

namespace fermi {
namespace {

namespace fs = std::filesystem;

class Folder : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "manifests-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  void TearDown() override { fs::remove_all(path_); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(path_ / name) << text;
  }

  fs::path path_;
};

TEST(BuiltinManifests, Hold_the_two_kinds_and_the_four_queues_of_an_installation) {
  std::set<std::string> names;
  for (const auto& manifest : builtin_manifests()) {
    names.insert(manifest.at("kind").get<std::string>() + "/" +
                 manifest.at("metadata").at("name").get<std::string>());
  }
  const std::set<std::string> wanted = {"CustomResourceDefinition/taskqueues.fermi-cluster.com",
                                        "CustomResourceDefinition/trainingjobs.fermi-cluster.com",
                                        "TaskQueue/default",
                                        "TaskQueue/high",
                                        "TaskQueue/medium",
                                        "TaskQueue/low"};
  EXPECT_EQ(names, wanted);
}

TEST_F(Folder, Manifests_of_a_folder_come_in_the_order_of_their_file_names) {
  write("b.yaml", "apiVersion: v1\nkind: B\nmetadata: {name: b}\n");
  write("a.yml",
        "apiVersion: v1\nkind: A\nmetadata: {name: a}\n---\napiVersion: v1\nkind: A2\nmetadata: "
        "{name: a}\n");
  write("kustomization.yaml", "resources: [a.yml]\n");
  write("notes.txt", "not a manifest");
  const auto manifests = read_manifests(path_.string());
  ASSERT_TRUE(manifests) << manifests.status().message();
  ASSERT_EQ(manifests->size(), 3U);
  EXPECT_EQ((*manifests)[0].at("kind"), "A");
  EXPECT_EQ((*manifests)[2].at("kind"), "B");
}

TEST_F(Folder, A_file_that_is_no_manifest_is_refused_by_name) {
  write("broken.yaml", "a: [1, 2");
  EXPECT_NE(read_manifests(path_.string()).status().message().find("broken.yaml"),
            std::string::npos);
  write("broken.yaml", "kind: A\n");
  EXPECT_NE(read_manifests((path_ / "broken.yaml").string())
                .status()
                .message()
                .find("needs apiVersion, kind and metadata.name"),
            std::string::npos);
  EXPECT_NE(read_manifests((path_ / "absent.yaml").string()).status().message().find("absent.yaml"),
            std::string::npos);
}

TEST_F(Folder, An_empty_folder_is_said_to_hold_no_manifest) {
  EXPECT_NE(read_manifests(path_.string()).status().message().find("holds no manifest"),
            std::string::npos);
}

TEST_F(Folder, The_journal_keeps_at_most_two_files_of_its_size) {
  const auto path = (path_ / "journal").string();
  JournalFile journal(path, 100);
  for (int i = 0; i < 100; ++i) journal.write("0123456789");
  EXPECT_LE(fs::file_size(path), 120U);
  EXPECT_LE(fs::file_size(path + ".old"), 120U);
  EXPECT_EQ(std::distance(fs::directory_iterator(path_), fs::directory_iterator()), 2);
}

TEST_F(Folder, A_journal_that_cannot_be_written_stops_nothing) {
  JournalFile journal((path_ / "absent" / "journal").string());
  journal.write("a line");
  journal.write("another");
}

}  // namespace
}  // namespace fermi
