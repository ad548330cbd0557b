#include <charconv>

#include "libk8s/apiserver/schema/cel_ast.hpp"
#include "libk8s/apiserver/schema/cel_lexer.hpp"

namespace k8s::apiserver::cel {
namespace {

struct Broken {
  std::string message;
};

// Recursive descent; `Broken` is thrown inside this file only and caught in `parse`.
class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  NodePtr whole() {
    NodePtr node = expression();
    if (peek().kind != Token::Kind::kEnd) fail("unexpected '" + peek().text + "'");
    return node;
  }

 private:
  using Step = NodePtr (Parser::*)();

  [[noreturn]] void fail(std::string what) const {
    throw Broken{"at column " + std::to_string(peek().offset + 1) + ": " + std::move(what)};
  }

  const Token& peek() const { return tokens_[at_]; }

  bool take(std::string_view symbol) {
    bool matches = peek().kind == Token::Kind::kSymbol && peek().text == symbol;
    if (matches) ++at_;
    return matches;
  }

  void expect(std::string_view symbol) {
    if (!take(symbol)) fail("expected '" + std::string(symbol) + "'");
  }

  NodePtr make(NodeKind kind, std::string name = "") const {
    auto node = std::make_unique<Node>();
    node->kind = kind;
    node->name = std::move(name);
    node->offset = peek().offset;
    return node;
  }

  NodePtr call(std::string name, NodePtr a, NodePtr b = nullptr) const {
    NodePtr node = make(NodeKind::kCall, std::move(name));
    node->offset = a->offset;
    node->args.push_back(std::move(a));
    if (b != nullptr) node->args.push_back(std::move(b));
    return node;
  }

  struct Depth {
    explicit Depth(Parser& parser) : parser(parser) {
      if (++parser.depth_ > kMaxNesting) parser.fail("nested too deeply");
    }
    ~Depth() { --parser.depth_; }
    Parser& parser;
  };

  NodePtr expression() {
    Depth depth(*this);
    NodePtr condition = disjunction();
    if (!take("?")) return condition;
    NodePtr node = make(NodeKind::kTernary);
    node->args.push_back(std::move(condition));
    node->args.push_back(disjunction());
    expect(":");
    node->args.push_back(expression());
    return node;
  }

  NodePtr logical(std::string_view symbol, NodeKind kind, Step next) {
    NodePtr left = (this->*next)();
    for (int count = 0; take(symbol); ++count) {
      if (count > kMaxNesting) fail("nested too deeply");
      NodePtr node = make(kind);
      node->args.push_back(std::move(left));
      node->args.push_back((this->*next)());
      left = std::move(node);
    }
    return left;
  }

  NodePtr disjunction() { return logical("||", NodeKind::kOr, &Parser::conjunction); }
  NodePtr conjunction() { return logical("&&", NodeKind::kAnd, &Parser::relation); }

  NodePtr binary(std::initializer_list<std::string_view> symbols, Step next) {
    NodePtr left = (this->*next)();
    for (int count = 0;; ++count) {
      if (count > kMaxNesting) fail("nested too deeply");
      std::string_view found;
      for (std::string_view symbol : symbols) {
        if (take(symbol)) {
          found = symbol;
          break;
        }
      }
      if (found.empty()) return left;
      left = call("_" + std::string(found) + "_", std::move(left), (this->*next)());
    }
  }

  NodePtr relation() {
    NodePtr left = comparison();
    while (peek().kind == Token::Kind::kName && peek().text == "in") {
      ++at_;
      left = call("@in", std::move(left), comparison());
    }
    return left;
  }
  NodePtr comparison() { return binary({"<=", ">=", "==", "!=", "<", ">"}, &Parser::addition); }
  NodePtr addition() { return binary({"+", "-"}, &Parser::multiplication); }
  NodePtr multiplication() { return binary({"*", "/", "%"}, &Parser::unary); }

  NodePtr unary() {
    Depth depth(*this);
    if (take("!")) return call("!_", unary());
    bool minus = peek().kind == Token::Kind::kSymbol && peek().text == "-";
    if (!minus) return member();
    ++at_;
    // A negative literal is one number: the smallest one has no positive form.
    if (peek().kind == Token::Kind::kInt) return integer("-");
    return call("-_", unary());
  }

  NodePtr member() {
    NodePtr node = primary();
    for (int count = 0;; ++count) {
      if (count > kMaxNesting) fail("nested too deeply");
      if (take(".")) {
        node = selection(std::move(node));
      } else if (take("[")) {
        if (take("?")) fail("optional indexing is not supported");
        NodePtr index = make(NodeKind::kIndex);
        index->args.push_back(std::move(node));
        index->args.push_back(expression());
        expect("]");
        node = std::move(index);
      } else {
        return node;
      }
    }
  }

  NodePtr selection(NodePtr target) {
    if (peek().kind == Token::Kind::kSymbol && peek().text == "?") {
      fail("optional selection is not supported");
    }
    if (peek().kind != Token::Kind::kName) fail("expected a name after '.'");
    std::string name = tokens_[at_].text;
    std::size_t offset = peek().offset;
    ++at_;
    if (!take("(")) {
      NodePtr node = make(NodeKind::kSelect, unescaped(name));
      node->offset = offset;
      node->args.push_back(std::move(target));
      return node;
    }
    if (NodePtr macro = comprehension(name, target)) return macro;
    NodePtr node = make(NodeKind::kCall, name);
    node->offset = offset;
    node->member = true;
    node->args.push_back(std::move(target));
    arguments(*node, ")");
    return node;
  }

  static bool macro_kind(std::string_view name, NodeKind& kind) {
    static constexpr std::pair<std::string_view, NodeKind> kMacros[] = {
        {"all", NodeKind::kForAll},        {"exists", NodeKind::kForAny},
        {"exists_one", NodeKind::kForOne}, {"existsOne", NodeKind::kForOne},
        {"map", NodeKind::kForMap},        {"filter", NodeKind::kForFilter}};
    for (const auto& [known, its_kind] : kMacros) {
      if (known == name) {
        kind = its_kind;
        return true;
      }
    }
    return false;
  }

  NodePtr comprehension(const std::string& name, NodePtr& target) {
    NodeKind kind;
    if (!macro_kind(name, kind)) return nullptr;
    if (peek().kind != Token::Kind::kName) fail(name + "() needs a variable");
    NodePtr node = make(kind, tokens_[at_++].text);
    node->args.push_back(std::move(target));
    expect(",");
    node->args.push_back(expression());
    if (take(",")) {
      if (kind != NodeKind::kForMap) fail(name + "() with two variables is not supported");
      node->args.push_back(expression());
    }
    expect(")");
    return node;
  }

  void arguments(Node& node, std::string_view end) {
    if (take(end)) return;
    do {
      node.args.push_back(expression());
    } while (take(","));
    expect(end);
  }

  NodePtr integer(const std::string& sign) {
    NodePtr node = make(NodeKind::kLiteral);
    std::string text = sign + peek().text;
    bool hex = peek().text.starts_with("0x") || peek().text.starts_with("0X");
    if (hex) text = sign + peek().text.substr(2);
    std::int64_t value = 0;
    auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
    if (ec != std::errc() || end != text.data() + text.size()) fail("number out of range");
    ++at_;
    node->value = Value::integer(value);
    return node;
  }

  NodePtr primary() {
    const Token& token = peek();
    switch (token.kind) {
      case Token::Kind::kInt:
        return integer("");
      case Token::Kind::kDouble: {
        NodePtr node = make(NodeKind::kLiteral);
        double value = 0;
        std::from_chars(token.text.data(), token.text.data() + token.text.size(), value);
        node->value = Value::real(value);
        ++at_;
        return node;
      }
      case Token::Kind::kString: {
        NodePtr node = make(NodeKind::kLiteral);
        node->value = Value::text(token.text);
        ++at_;
        return node;
      }
      case Token::Kind::kName:
        return named();
      default:
        return bracketed();
    }
  }

  NodePtr named() {
    std::string name = peek().text;
    NodePtr node = make(NodeKind::kLiteral);
    ++at_;
    if (name == "true" || name == "false") {
      node->value = Value::boolean(name == "true");
      return node;
    }
    if (name == "null") return node;
    bool called = take("(");
    if (called && name == "has") return has_macro();
    node->kind = called ? NodeKind::kCall : NodeKind::kIdent;
    node->name = name;
    if (called) arguments(*node, ")");
    return node;
  }

  NodePtr has_macro() {
    NodePtr inner = expression();
    expect(")");
    if (inner->kind != NodeKind::kSelect) fail("has() needs a field selection");
    inner->kind = NodeKind::kHas;
    return inner;
  }

  NodePtr bracketed() {
    if (take("(")) {
      NodePtr inner = expression();
      expect(")");
      return inner;
    }
    if (take("[")) {
      NodePtr node = make(NodeKind::kList);
      arguments(*node, "]");
      return node;
    }
    if (!take("{"))
      fail(peek().text.empty() ? "unexpected end" : "unexpected '" + peek().text + "'");
    NodePtr node = make(NodeKind::kMap);
    while (!take("}")) {
      node->args.push_back(expression());
      expect(":");
      node->args.push_back(expression());
      if (!take(",")) {
        expect("}");
        break;
      }
    }
    return node;
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Result<NodePtr> parse(std::string_view text) {
  if (text.size() > kMaxTextBytes) return Status(Code::kInvalid, "the expression is too long");
  Result<std::vector<Token>> tokens = tokenize(text);
  if (!tokens) return tokens.status();
  try {
    return Parser(std::move(*tokens)).whole();
  } catch (const Broken& broken) {
    return Status(Code::kInvalid, broken.message);
  }
}

}  // namespace k8s::apiserver::cel
