#include "libk8s/apiserver/schema/cel_lexer.hpp"

#include <cctype>

namespace k8s::apiserver::cel {
namespace {

bool name_start(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool name_part(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }
bool digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<std::vector<Token>> run() {
    while (skip_blank(), at_ < text_.size()) {
      if (Status status = token(); !status) return status;
    }
    tokens_.push_back({Token::Kind::kEnd, "", at_});
    return std::move(tokens_);
  }

 private:
  Status fail(std::string what) const {
    return Status(Code::kInvalid, "at column " + std::to_string(at_ + 1) + ": " + std::move(what));
  }

  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void skip_blank() {
    while (at_ < text_.size()) {
      if (text_.substr(at_, 2) == "//") {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (std::isspace(static_cast<unsigned char>(text_[at_]))) {
        ++at_;
      } else {
        return;
      }
    }
  }

  Status token() {
    char c = peek();
    bool raw = (c == 'r' || c == 'R') && (peek(1) == '"' || peek(1) == '\'');
    if (raw || c == '"' || c == '\'') return string(raw);
    if ((c == 'b' || c == 'B') && (peek(1) == '"' || peek(1) == '\'')) {
      return fail("bytes literals are not supported");
    }
    if (name_start(c)) return name();
    if (digit(c) || (c == '.' && digit(peek(1)))) return number();
    return symbol();
  }

  Status name() {
    std::size_t start = at_;
    while (name_part(peek())) ++at_;
    tokens_.push_back({Token::Kind::kName, std::string(text_.substr(start, at_ - start)), start});
    return Status::ok();
  }

  Status number() {
    std::size_t start = at_;
    bool real = false;
    if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X')) {
      at_ += 2;
      while (std::isxdigit(static_cast<unsigned char>(peek()))) ++at_;
    } else {
      while (digit(peek())) ++at_;
      if (peek() == '.' && digit(peek(1))) {
        real = true;
        for (++at_; digit(peek());) ++at_;
      }
      if (peek() == 'e' || peek() == 'E') {
        real = true;
        ++at_;
        if (peek() == '+' || peek() == '-') ++at_;
        while (digit(peek())) ++at_;
      }
    }
    if (peek() == 'u' || peek() == 'U') return fail("unsigned literals are not supported");
    tokens_.push_back({real ? Token::Kind::kDouble : Token::Kind::kInt,
                       std::string(text_.substr(start, at_ - start)), start});
    return Status::ok();
  }

  Status string(bool raw) {
    std::size_t start = at_;
    if (raw) ++at_;
    char quote = peek();
    std::string triple(3, quote);
    std::string end = text_.substr(at_, 3) == triple ? triple : std::string(1, quote);
    at_ += end.size();
    std::string value;
    while (text_.substr(at_, end.size()) != end) {
      if (at_ >= text_.size()) return fail("a string is not closed");
      if (peek() == '\\' && !raw) {
        if (Status status = escape(value); !status) return status;
      } else {
        value += text_[at_++];
      }
    }
    at_ += end.size();
    tokens_.push_back({Token::Kind::kString, std::move(value), start});
    return Status::ok();
  }

  Status escape(std::string& value) {
    static constexpr std::string_view kFrom = "abfnrtv\\?\"'`", kTo = "\a\b\f\n\r\t\v\\?\"'`";
    char c = peek(1);
    at_ += 2;
    if (std::size_t i = kFrom.find(c); c != '\0' && i != std::string_view::npos) {
      value += kTo[i];
      return Status::ok();
    }
    std::size_t count = c == 'x' || c == 'X' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (count == 0) return fail("unknown escape in a string");
    unsigned code = 0;
    for (std::size_t i = 0; i < count; ++i, ++at_) {
      if (!std::isxdigit(static_cast<unsigned char>(peek()))) return fail("broken escape");
      char d = peek();
      code = code * 16 + static_cast<unsigned>(digit(d) ? d - '0' : (d | 0x20) - 'a' + 10);
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return fail("broken escape");
    append_utf8(value, code);
    return Status::ok();
  }

  Status symbol() {
    static constexpr std::string_view kTwo[] = {"&&", "||", "==", "!=", "<=", ">="};
    std::string_view two = text_.substr(at_, 2);
    for (std::string_view known : kTwo) {
      if (two != known) continue;
      tokens_.push_back({Token::Kind::kSymbol, std::string(known), at_});
      at_ += 2;
      return Status::ok();
    }
    if (std::string_view("()[]{}.,:?+-*/%!<>").find(peek()) == std::string_view::npos) {
      return fail(std::string("unexpected character '") + peek() + "'");
    }
    tokens_.push_back({Token::Kind::kSymbol, std::string(1, peek()), at_});
    ++at_;
    return Status::ok();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view text) { return Lexer(text).run(); }

}  // namespace k8s::apiserver::cel
