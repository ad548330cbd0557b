#include "libk8s/transport/curl_exchange.hpp"

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstring>

namespace k8s {
namespace {

static_assert(CURL_ERROR_SIZE <= 256);

constexpr std::size_t kMaxHeaderBytes = 256 << 10;
constexpr long kConnectTimeoutMs = 10'000;
constexpr long kBufferBytes = 64 << 10;

// A peer that acknowledges nothing, or is silent to probes, is dead after about this long.
constexpr int kUserTimeoutMs = 30'000;
constexpr int kKeepAliveIdleSeconds = 30;
constexpr int kKeepAliveIntervalSeconds = 10;
constexpr int kKeepAliveProbes = 3;

CurlExchange& self(void* user) { return *static_cast<CurlExchange*>(user); }

int on_socket(void* user, curl_socket_t socket, curlsocktype purpose) {
  if (purpose != CURLSOCKTYPE_IPCXN) return CURL_SOCKOPT_OK;
  static_cast<OpenSockets*>(user)->add(socket);
  const auto set = [&](int level, int option, int value) {
    // A kernel that lacks one of them still has our own deadlines.
    (void)setsockopt(socket, level, option, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
  set(IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMs);
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  return CURL_SOCKOPT_OK;
}

int on_close(void* user, curl_socket_t socket) {
  static_cast<OpenSockets*>(user)->close(socket);
  return 0;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// "HTTP/1.1 200 OK", "HTTP/2 200": begins a new head, after an interim one too.
void read_status_line(CurlExchange& exchange, std::string_view line) {
  exchange.headers.fields.clear();
  exchange.status = 0;
  const auto blank = line.find(' ');
  if (blank == line.npos) return;
  const std::string_view number = line.substr(blank + 1, 3);
  std::from_chars(number.data(), number.data() + number.size(), exchange.status);
}

std::size_t stop(CurlExchange& exchange, const std::string& why) {
  exchange.fault = Status(Code::kMalformed, why);
  return 0;
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* user) {
  CurlExchange& exchange = self(user);
  if (exchange.cancelled) return 0;
  exchange.last_heard = exchange.clock->now();
  if (exchange.head_told) return size;  // trailers
  exchange.header_bytes += size;
  if (exchange.header_bytes > kMaxHeaderBytes)
    return stop(exchange, "more than 256 KiB of response headers");
  const std::string_view line(data, size);
  const std::string_view content = trimmed(line);
  if (content.starts_with("HTTP/")) {
    read_status_line(exchange, content);
  } else if (!content.empty()) {
    const auto colon = content.find(':');
    if (colon != content.npos)
      exchange.headers.add(std::string(content.substr(0, colon)),
                           std::string(trimmed(content.substr(colon + 1))));
  } else if (exchange.status >= 200) {
    exchange.head_told = true;
    if (exchange.handler.on_head) exchange.handler.on_head(exchange.status, exchange.headers);
    if (exchange.cancelled) return 0;
  }
  return size;
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) {
  CurlExchange& exchange = self(user);
  if (exchange.cancelled) return 0;
  exchange.last_heard = exchange.clock->now();
  if (size > exchange.request.body_limit - exchange.body_bytes)
    return stop(exchange,
                "an answer of more than " + std::to_string(exchange.request.body_limit) + " bytes");
  exchange.body_bytes += size;
  if (exchange.handler.on_data) exchange.handler.on_data({data, size});
  return exchange.cancelled ? 0 : size;
}

std::size_t on_upload(char* buffer, std::size_t, std::size_t room, void* user) {
  CurlExchange& exchange = self(user);
  if (exchange.cancelled) return CURL_READFUNC_ABORT;
  const std::string& body = exchange.request.body;
  const std::size_t size = std::min(room, body.size() - exchange.body_sent);
  std::memcpy(buffer, body.data() + exchange.body_sent, size);
  exchange.body_sent += size;
  return size;
}

// libcurl sends a request again by itself when a kept connection turns out to be dead. With a body
// that was already sent that could do the same thing twice, so rewinding it is refused; unless none
// of it had left.
int on_rewind(void* user, curl_off_t offset, int origin) {
  const bool unsent = self(user).body_sent == 0;
  return unsent && offset == 0 && origin == SEEK_SET ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

void add_header(CurlExchange& exchange, const std::string& name, std::string value) {
  // A token or a name from outside may not end its line and begin another header.
  std::erase_if(value, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  // "Name:" would remove a header; "Name;" sends it empty.
  const std::string line = value.empty() ? name + ";" : name + ": " + value;
  curl_slist* longer = curl_slist_append(exchange.header_list, line.c_str());
  if (longer != nullptr) exchange.header_list = longer;
}

void set_headers(CURL* easy, const Endpoint& endpoint, CurlExchange& exchange) {
  for (const auto& [name, value] : exchange.request.headers.fields)
    add_header(exchange, name, value);
  if (!exchange.credentials.authorization.empty())
    add_header(exchange, "Authorization", exchange.credentials.authorization);
  if (!endpoint.host.empty()) add_header(exchange, "Host", endpoint.host);
  const Impersonation& as = endpoint.act_as;
  if (!as.user.empty()) add_header(exchange, "Impersonate-User", as.user);
  if (!as.uid.empty()) add_header(exchange, "Impersonate-Uid", as.uid);
  for (const auto& group : as.groups) add_header(exchange, "Impersonate-Group", group);
  for (const auto& [key, values] : as.extra) {
    for (const auto& value : values)
      add_header(exchange, "Impersonate-Extra-" + http::percent_encoded(key), value);
  }
  // No waiting for "100 Continue" before larger bodies.
  curl_slist* longer = curl_slist_append(exchange.header_list, "Expect:");
  if (longer != nullptr) exchange.header_list = longer;
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange.header_list);
}

void set_blob(CURL* easy, CURLoption option, const std::string& pem) {
  if (pem.empty()) return;
  // The text is kept alive by the exchange's credentials.
  curl_blob blob{const_cast<char*>(pem.data()), pem.size(), CURL_BLOB_NOCOPY};
  curl_easy_setopt(easy, option, &blob);
}

void set_tls(CURL* easy, const Endpoint& endpoint, const TlsMaterial& tls) {
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set_blob(easy, CURLOPT_CAINFO_BLOB, tls.ca);
  set_blob(easy, CURLOPT_SSLCERT_BLOB, tls.cert);
  set_blob(easy, CURLOPT_SSLKEY_BLOB, tls.key);
  if (!endpoint.insecure) return;
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
}

void set_method(CURL* easy, CurlExchange& exchange) {
  const http::Request& request = exchange.request;
  if (request.body.empty() && request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (!request.body.empty()) {
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_upload);
    curl_easy_setopt(easy, CURLOPT_READDATA, &exchange);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_rewind);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, &exchange);
  }
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void set_route(CURL* easy, const Endpoint& endpoint, const CurlExchange& exchange) {
  curl_easy_setopt(easy, CURLOPT_URL, (endpoint.base + exchange.request.target).c_str());
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  if (!endpoint.proxy.empty()) {
    curl_easy_setopt(easy, CURLOPT_PROXY, endpoint.proxy.c_str());
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
  } else if (!endpoint.use_proxy_variables) {
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
  }
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

void set_sockets(CURL* easy, OpenSockets& sockets) {
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
  curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, &sockets);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, &sockets);
}

// Errors before the first byte of a request can have left.
bool before_sending(int code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_PROXY:
      return true;
    default:
      return false;
  }
}

// libcurl notes the moment at which it was about to send.
bool was_sent(const CurlExchange& exchange) {
  if (exchange.status != 0 || exchange.body_sent > 0) return true;
  curl_off_t microseconds = 0;
  if (exchange.easy != nullptr)
    curl_easy_getinfo(exchange.easy, CURLINFO_PRETRANSFER_TIME_T, &microseconds);
  return microseconds > 0;
}

std::string described(const CurlExchange& exchange, const std::string& why) {
  const auto& target = exchange.request.target;
  return exchange.request.method + " " + target.substr(0, target.find('?')) + ": " + why;
}

std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  std::string out = text;
  curl_free(text);
  return out;
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

}  // namespace

CurlExchange::CurlExchange() = default;
CurlExchange::~CurlExchange() {
  curl_slist_free_all(header_list);
  curl_slist_free_all(connect_to);
}

Result<Endpoint> make_endpoint(const ClusterConfig& config) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), &curl_url_cleanup);
  if (curl_url_set(url.get(), CURLUPART_URL, config.server.c_str(), 0) != CURLUE_OK)
    return Status(Code::kInvalid, "\"" + config.server + "\" is not the address of a server");
  const std::string host = part_of(url.get(), CURLUPART_HOST);
  const std::string port = part_of(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  Endpoint endpoint;
  endpoint.base = config.server;
  endpoint.proxy = config.proxy_url;
  endpoint.use_proxy_variables = !is_loopback(host);
  endpoint.insecure = config.insecure;
  // Over loopback it would only cost both sides time.
  endpoint.compress = !config.disable_compression && !is_loopback(host);
  endpoint.act_as = config.act_as;
  if (config.tls_server_name.empty()) return endpoint;
  // The address names what to verify; CONNECT_TO says where that is.
  std::string path = part_of(url.get(), CURLUPART_PATH);
  if (path == "/") path.clear();
  endpoint.base =
      part_of(url.get(), CURLUPART_SCHEME) + "://" + config.tls_server_name + ":" + port + path;
  endpoint.connect_to = config.tls_server_name + ":" + port + ":" + host + ":" + port;
  endpoint.host = host + ":" + port;
  return endpoint;
}

CURL* make_easy(const Endpoint& endpoint, CurlExchange& exchange, OpenSockets& sockets) {
  CURL* easy = curl_easy_init();
  assert(easy != nullptr);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange.error.data());
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kBufferBytes);
  set_route(easy, endpoint, exchange);
  set_sockets(easy, sockets);
  if (!endpoint.connect_to.empty()) {
    curl_slist* to = curl_slist_append(nullptr, endpoint.connect_to.c_str());
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, to);
    exchange.connect_to = to;
  }
  set_tls(easy, endpoint, *exchange.credentials.tls);
  set_method(easy, exchange);
  set_headers(easy, endpoint, exchange);
  if (endpoint.compress) curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange);
  return easy;
}

Status outcome(const CurlExchange& exchange, int curl_code) {
  if (!exchange.fault)
    return {exchange.fault.code(), described(exchange, exchange.fault.message())};
  if (curl_code == CURLE_OK && exchange.head_told) return {};
  if (curl_code == CURLE_OK)
    return {Code::kMalformed, described(exchange, "an answer without a head")};
  const char* detail = exchange.error[0] != '\0'
                           ? exchange.error.data()
                           : curl_easy_strerror(static_cast<CURLcode>(curl_code));
  if (curl_code == CURLE_SEND_FAIL_REWIND)
    return {Code::kUnknownOutcome,
            described(exchange, "the connection broke after the request was sent")};
  if (curl_code == CURLE_URL_MALFORMAT || curl_code == CURLE_UNSUPPORTED_PROTOCOL)
    return {Code::kInvalid, described(exchange, detail)};
  const bool sent = !before_sending(curl_code) && was_sent(exchange);
  return {sent ? Code::kUnknownOutcome : Code::kUnavailable, described(exchange, detail)};
}

int socket_of(const CurlExchange& exchange, const OpenSockets& sockets) {
  long local = 0, remote = 0;
  if (exchange.easy == nullptr) return -1;
  curl_easy_getinfo(exchange.easy, CURLINFO_LOCAL_PORT, &local);
  curl_easy_getinfo(exchange.easy, CURLINFO_PRIMARY_PORT, &remote);
  return local > 0 ? sockets.find(static_cast<int>(local), static_cast<int>(remote)) : -1;
}

bool may_share(const CurlExchange& exchange) {
  long version = CURL_HTTP_VERSION_NONE;  // until the answer begins
  if (exchange.easy != nullptr) curl_easy_getinfo(exchange.easy, CURLINFO_HTTP_VERSION, &version);
  return version != CURL_HTTP_VERSION_1_0 && version != CURL_HTTP_VERSION_1_1;
}

Status interrupted(const CurlExchange& exchange, const std::string& why) {
  return {was_sent(exchange) ? Code::kUnknownOutcome : Code::kUnavailable,
          described(exchange, why)};
}

}  // namespace k8s
