#include "libk8s/apiserver/store/database.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <array>

namespace k8s::apiserver {
namespace {

constexpr int kSchemaVersion = 1;

constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS objects (
  resource TEXT NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL,
  revision INTEGER NOT NULL, object TEXT NOT NULL,
  PRIMARY KEY (resource, ns, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO counters VALUES ('revision', 0);
)";

// Secrets lie in the file: nobody else may read it. SQLite gives its journal the same mode.
void make_private(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0) ::close(fd);  // if it cannot be made, SQLite says why
}

void bind_text(sqlite3_stmt* statement, int index, std::string_view text) {
  // The caller's text outlives the step, so SQLite need not copy it.
  sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void bind_id(sqlite3_stmt* statement, const ObjectId& id) {
  bind_text(statement, 1, id.resource);
  bind_text(statement, 2, id.ns);
  bind_text(statement, 3, id.name);
}

std::string_view column_text(sqlite3_stmt* statement, int index) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, index));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, index));
  return text == nullptr ? std::string_view() : std::string_view(text, size);
}

}  // namespace

void Database::CloseDatabase::operator()(sqlite3* db) const { sqlite3_close_v2(db); }
void Database::EndStatement::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Result<Database> Database::open(const std::string& path) {
  Database database;
  if (path != ":memory:") make_private(path);
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int rc = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  database.db_.reset(raw);
  if (rc != SQLITE_OK) return database.failure("cannot open the database");
  Status status = database.configure(path == ":memory:");
  if (status.is_ok()) status = database.prepare_all();
  if (!status.is_ok()) return status;
  return database;
}

Status Database::configure(bool in_memory) {
  // EXCLUSIVE keeps a second server out, and spares the shared-memory index of WAL. FULL syncs the
  // journal at each commit: with NORMAL an acknowledged write would survive a killed process, but
  // not a power cut, and revisions that clients have seen would be given out a second time.
  const std::array<const char*, 4> on_disk = {"PRAGMA locking_mode=EXCLUSIVE",
                                              "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
                                              "PRAGMA wal_autocheckpoint=1000"};
  sqlite3_busy_timeout(db_.get(), 0);
  if (!in_memory) {
    for (const char* pragma : on_disk) {
      if (Status status = run(pragma); !status.is_ok()) return status;
    }
  }
  Result<Statement> version = prepare("PRAGMA user_version");
  if (!version) return version.status();
  sqlite3_step(version->get());
  const int found = sqlite3_column_int(version->get(), 0);
  if (found > kSchemaVersion) {
    return {Code::kInternal,
            "the database was written by a newer version (schema " + std::to_string(found) + ")"};
  }
  version->reset();
  if (Status status = run(kSchema); !status.is_ok()) return status;
  return run("PRAGMA user_version=1");
}

Status Database::prepare_all() {
  struct Wanted {
    Statement* where;
    const char* sql;
  };
  const std::array<Wanted, 6> wanted = {{
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
      {&rollback_, "ROLLBACK"},
      {&put_,
       "INSERT INTO objects (resource, ns, name, revision, object) VALUES (?1, ?2, ?3, ?4, ?5) "
       "ON CONFLICT DO UPDATE SET revision = ?4, object = ?5"},
      {&remove_, "DELETE FROM objects WHERE resource = ?1 AND ns = ?2 AND name = ?3"},
      {&count_, "UPDATE counters SET value = ?1 WHERE name = 'revision'"},
  }};
  for (const auto& [where, sql] : wanted) {
    Result<Statement> statement = prepare(sql);
    if (!statement) return statement.status();
    *where = std::move(statement).value();
  }
  return Status::ok();
}

Result<std::uint64_t> Database::revision() {
  Result<Statement> query = prepare("SELECT value FROM counters WHERE name = 'revision'");
  if (!query) return query.status();
  if (sqlite3_step(query->get()) != SQLITE_ROW) return failure("cannot read the revision");
  return static_cast<std::uint64_t>(sqlite3_column_int64(query->get(), 0));
}

Status Database::load(const Visitor& each) {
  Result<Statement> query = prepare("SELECT resource, ns, name, revision, object FROM objects");
  if (!query) return query.status();
  sqlite3_stmt* row = query->get();
  int rc = SQLITE_ROW;
  while ((rc = sqlite3_step(row)) == SQLITE_ROW) {
    ObjectId id{std::string(column_text(row, 0)), std::string(column_text(row, 1)),
                std::string(column_text(row, 2))};
    const auto revision = static_cast<std::uint64_t>(sqlite3_column_int64(row, 3));
    if (Status status = each(std::move(id), revision, column_text(row, 4)); !status.is_ok()) {
      return status;
    }
  }
  return rc == SQLITE_DONE ? Status::ok() : failure("cannot read the objects");
}

Status Database::put(const ObjectId& id, std::uint64_t revision, std::string_view json) {
  bind_id(put_.get(), id);
  sqlite3_bind_int64(put_.get(), 4, static_cast<sqlite3_int64>(revision));
  bind_text(put_.get(), 5, json);
  return transact(put_.get(), revision);
}

Status Database::remove(const ObjectId& id, std::uint64_t revision) {
  bind_id(remove_.get(), id);
  return transact(remove_.get(), revision);
}

Status Database::transact(sqlite3_stmt* change, std::uint64_t revision) {
  sqlite3_bind_int64(count_.get(), 1, static_cast<sqlite3_int64>(revision));
  if (Status status = step(begin_.get()); !status.is_ok()) return status;
  Status status = step(change);
  if (status.is_ok()) status = step(count_.get());
  if (status.is_ok()) status = step(commit_.get());
  if (!status.is_ok() && sqlite3_get_autocommit(db_.get()) == 0) (void)step(rollback_.get());
  return status;
}

Status Database::run(const char* sql) {
  const int rc = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  return rc == SQLITE_OK ? Status::ok() : failure("cannot set up the database");
}

Result<Database::Statement> Database::prepare(const char* sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v3(db_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr) !=
      SQLITE_OK) {
    return failure("cannot prepare a statement");
  }
  return Statement(raw);
}

Status Database::step(sqlite3_stmt* statement) {
  const int rc = sqlite3_step(statement);
  // The message must be read before the reset, which may replace it.
  Status status = rc == SQLITE_DONE ? Status::ok() : failure("cannot write to the database");
  sqlite3_reset(statement);
  return status;
}

// Names the file, so that whoever reads it knows which disk is full and what to look at.
Status Database::failure(std::string_view doing) const {
  std::string text(doing);
  if (db_ == nullptr) return {Code::kInternal, text + ": out of memory"};
  const char* path = sqlite3_db_filename(db_.get(), "main");
  if (path != nullptr && *path != '\0') text += std::string(" ") + path;
  const bool taken = sqlite3_errcode(db_.get()) == SQLITE_BUSY;
  text += taken ? ": another process has it open" : std::string(": ") + sqlite3_errmsg(db_.get());
  return {Code::kInternal, std::move(text)};
}

}  // namespace k8s::apiserver
