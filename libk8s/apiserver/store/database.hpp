// Database: the objects and the revision counter on disk, in one SQLite file.
//
// Two tables: `objects` (resource, ns, name, revision, object as JSON text) and `counters`. Every
// change and the revision it got are one transaction; when `put` or `remove` has returned ok, the
// change survives the end of the process, and (for files) the loss of power, because the journal
// is synced at each commit.
//
// Ownership: one process holds the file at a time; a second open fails. Move-only.
// Threads: one. Errors: kInternal with SQLite's own sentence; after an error nothing was changed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "libk8s/base/status.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace k8s::apiserver {

// Where an object stands: "pods" or "leases.coordination.k8s.io", then namespace ("" for
// cluster-scoped ones) and name.
struct ObjectId {
  std::string resource, ns, name;
  friend auto operator<=>(const ObjectId&, const ObjectId&) = default;
};

class Database {
 public:
  // Opens or creates `path`; ":memory:" is a database that ends with this object.
  static Result<Database> open(const std::string& path);

  Database(Database&&) noexcept = default;
  Database& operator=(Database&&) noexcept = default;

  // The highest revision ever given out.
  Result<std::uint64_t> revision();
  // Calls `each` for every object, in no particular order. Stops when it answers with an error.
  using Visitor = std::function<Status(ObjectId id, std::uint64_t revision, std::string_view json)>;
  Status load(const Visitor& each);

  // Writes an object (new or not) and the counter, which becomes `revision`.
  Status put(const ObjectId& id, std::uint64_t revision, std::string_view json);
  // Deletes an object; the deletion has a revision of its own.
  Status remove(const ObjectId& id, std::uint64_t revision);

 private:
  struct CloseDatabase {
    void operator()(sqlite3* db) const;
  };
  struct EndStatement {
    void operator()(sqlite3_stmt* statement) const;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, EndStatement>;

  Database() = default;
  Status configure(bool in_memory);
  Status prepare_all();
  Status run(const char* sql);
  Result<Statement> prepare(const char* sql);
  Status step(sqlite3_stmt* statement);
  Status transact(sqlite3_stmt* change, std::uint64_t revision);
  Status failure(std::string_view doing) const;

  std::unique_ptr<sqlite3, CloseDatabase> db_;
  // Statements are declared after the connection, so that they end before it closes.
  Statement begin_, commit_, rollback_, put_, remove_, count_;
};

}  // namespace k8s::apiserver
