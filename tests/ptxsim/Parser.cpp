// SPDX-License-Identifier: Apache-2.0
//
// PTX text to statements.
#include "tests/ptxsim/Fault.h"
#include "tests/ptxsim/Lexer.h"
#include "tests/ptxsim/Syntax.h"

namespace ptxsim {
namespace {

class Parser {
public:
  explicit Parser(const std::string &text) : lexer(text) {}
  ModuleSyntax parse();

private:
  [[noreturn]] void unsupported(const Token &token);
  void directive(ModuleSyntax &module);
  VariableSyntax variable(Space space, int scope);
  void initialiser(VariableSyntax &variable);
  void function(ModuleSyntax &module, bool entry);
  void performance(FunctionSyntax &function);
  std::vector<VariableSyntax> parameters();
  void body(FunctionSyntax &function);
  void bodyDirective(FunctionSyntax &function, int scope);
  void registers(FunctionSyntax &function, int scope);
  void wordInBody(FunctionSyntax &function, int scope);
  void statement(FunctionSyntax &function, int scope);
  void skipLine(const Token &token);
  OperandSyntax operand();
  OperandSyntax single();
  int64_t offset();
  int64_t alignment();

  static constexpr int64_t mostElements = int64_t(1) << 30;
  static constexpr int64_t mostRegisters = 1 << 20;
  Lexer lexer;
};

void Parser::unsupported(const Token &token) {
  FaultPlace place;
  place.line = token.line;
  throw Fault(FaultKind::Unsupported, "expects a directive that is known, but got '" + std::string(token.text) + "'",
              place);
}

ModuleSyntax Parser::parse() {
  ModuleSyntax module;
  while (lexer.peek().kind != Token::Kind::End)
    directive(module);
  if (module.target.empty())
    lexer.fail("a .target");
  return module;
}

/// .loc and .file go on to the end of their line and have no mark for it.
void Parser::skipLine(const Token &token) {
  while (lexer.peek().kind != Token::Kind::End && lexer.peek().line == token.line)
    lexer.take();
}

void Parser::directive(ModuleSyntax &module) {
  Token token = lexer.expectWord();
  bool external = false;
  while (token.text == ".visible" || token.text == ".weak" || token.text == ".extern" || token.text == ".common") {
    external |= token.text == ".extern";
    token = lexer.expectWord();
  }
  if (token.text == ".version") {
    Token version = lexer.take();
    module.version = std::string(version.text);
  } else if (token.text == ".target") {
    module.target = std::string(lexer.expectWord().text);
    while (lexer.takeIf(','))
      lexer.expectWord();
  } else if (token.text == ".address_size") {
    if (lexer.expectInteger() != 64)
      unsupported(token);
  } else if (token.text == ".file") {
    skipLine(token);
  } else if (token.text == ".section") {
    lexer.expectWord();
    lexer.expect('{');
    lexer.skipPast('}');
  } else if (token.text == ".pragma") {
    lexer.take();
    lexer.expect(';');
  } else if (token.text == ".entry" || token.text == ".func") {
    function(module, token.text == ".entry");
  } else if (token.text == ".global" || token.text == ".const" || token.text == ".shared") {
    Space space = token.text == ".global" ? Space::Global : token.text == ".const" ? Space::Constant : Space::Shared;
    module.variables.push_back(variable(space, 0));
    module.variables.back().external = external;
    initialiser(module.variables.back());
    lexer.expect(';');
  } else {
    unsupported(token);
  }
}

int64_t Parser::alignment() {
  Lexer before = lexer;
  int64_t value = lexer.expectInteger();
  if (value <= 0 || value > 4096 || (value & (value - 1))) {
    lexer = before;
    lexer.fail("a power of two up to 4096");
  }
  return value;
}

VariableSyntax Parser::variable(Space space, int scope) {
  VariableSyntax out;
  out.space = space;
  out.scope = scope;
  out.line = lexer.peek().line;
  std::string vector;
  while (lexer.peek().kind == Token::Kind::Word && lexer.peek().text[0] == '.') {
    Token token = lexer.take();
    if (token.text == ".align")
      out.alignment = alignment();
    else if (token.text == ".v2" || token.text == ".v4")
      vector = std::string(token.text);
    else if (token.text == ".ptr") // what a pointer points at: .global .align 8
      continue;
    else if (token.text == ".global" || token.text == ".const" || token.text == ".shared" || token.text == ".local")
      continue;
    else if (token.text == ".attribute") {
      lexer.expect('(');
      lexer.skipPast(')');
    } else if (out.type.empty())
      out.type = std::string(token.text);
    else
      unsupported(token);
  }
  out.name = std::string(lexer.expectWord().text);
  if (!vector.empty())
    out.elements = vector[2] - '0';
  while (lexer.takeIf('[')) {
    if (lexer.takeIf(']')) {
      out.elements = -1;
      break;
    }
    int64_t length = lexer.expectInteger();
    if (length < 0 || length > mostElements || out.elements * length > mostElements)
      lexer.fail("an array of at most 2^30 elements");
    out.elements *= length;
    lexer.expect(']');
  }
  return out;
}

void Parser::initialiser(VariableSyntax &variable) {
  if (!lexer.takeIf('='))
    return;
  int depth = 0;
  do {
    while (lexer.takeIf('{'))
      ++depth;
    if (lexer.peek().kind == Token::Kind::Word) {
      std::string name(lexer.take().text);
      if (name == "generic") {
        lexer.expect('(');
        name = std::string(lexer.expectWord().text);
        lexer.expect(')');
      }
      variable.addresses[variable.values.size()] = name;
      variable.values.push_back(static_cast<uint64_t>(offset()));
    } else if (lexer.peek().kind == Token::Kind::Single || lexer.peek().kind == Token::Kind::Double) {
      variable.values.push_back(lexer.take().value);
    } else {
      variable.values.push_back(static_cast<uint64_t>(lexer.expectInteger()));
    }
    while (depth && lexer.takeIf('}'))
      --depth;
  } while (lexer.takeIf(','));
}

std::vector<VariableSyntax> Parser::parameters() {
  std::vector<VariableSyntax> out;
  lexer.expect('(');
  while (!lexer.takeIf(')')) {
    if (!lexer.takeIf(".param") && !lexer.takeIf(".reg"))
      lexer.fail("'.param'");
    out.push_back(variable(Space::Parameter, 0));
    if (!lexer.peek().is(')'))
      lexer.expect(',');
  }
  return out;
}

void Parser::performance(FunctionSyntax &function) {
  while (lexer.peek().kind == Token::Kind::Word) {
    Token token = lexer.take();
    if (token.text == ".maxntid" || token.text == ".reqntid") {
      int64_t threads = lexer.expectInteger();
      while (lexer.takeIf(','))
        threads *= lexer.expectInteger();
      function.maxThreads = static_cast<int>(threads);
    } else if (token.text == ".minnctapersm" || token.text == ".maxnreg" || token.text == ".maxclusterrank") {
      lexer.expectInteger();
    } else if (token.text == ".pragma") {
      lexer.take();
      lexer.expect(';');
    } else if (token.text != ".noreturn") {
      unsupported(token);
    }
  }
}

void Parser::function(ModuleSyntax &module, bool entry) {
  FunctionSyntax function;
  function.entry = entry;
  function.line = lexer.peek().line;
  function.parents = {-1};
  if (lexer.peek().is('('))
    function.results = parameters();
  function.name = std::string(lexer.expectWord().text);
  if (lexer.peek().is('('))
    function.parameters = parameters();
  performance(function);
  if (!lexer.takeIf(';')) {
    function.defined = true;
    body(function);
  }
  module.functions.push_back(std::move(function));
}

void Parser::body(FunctionSyntax &function) {
  lexer.expect('{');
  std::vector<int> scopes = {0};
  while (!scopes.empty()) {
    if (lexer.takeIf('{')) {
      function.parents.push_back(scopes.back());
      scopes.push_back(static_cast<int>(function.parents.size()) - 1);
    } else if (lexer.takeIf('}')) {
      scopes.pop_back();
    } else if (lexer.takeIf(';')) {
      continue;
    } else if (lexer.peek().kind == Token::Kind::Word && lexer.peek().text[0] == '.') {
      bodyDirective(function, scopes.back());
    } else {
      wordInBody(function, scopes.back());
    }
  }
}

void Parser::bodyDirective(FunctionSyntax &function, int scope) {
  Token token = lexer.take();
  if (token.text == ".reg") {
    registers(function, scope);
  } else if (token.text == ".shared" || token.text == ".local" || token.text == ".param") {
    Space space = token.text == ".shared" ? Space::Shared : token.text == ".local" ? Space::Local : Space::Parameter;
    function.variables.push_back(variable(space, scope));
    lexer.expect(';');
  } else if (token.text == ".loc") {
    skipLine(token);
  } else if (token.text == ".pragma") {
    lexer.take();
    lexer.expect(';');
  } else {
    unsupported(token);
  }
}

void Parser::registers(FunctionSyntax &function, int scope) {
  Token type = lexer.expectWord();
  if (type.text == ".v2" || type.text == ".v4")
    unsupported(type);
  do {
    RegisterSyntax out;
    out.type = std::string(type.text);
    out.line = lexer.peek().line;
    out.name = std::string(lexer.expectWord().text);
    out.scope = scope;
    if (lexer.takeIf('<')) {
      out.count = lexer.expectInteger();
      if (out.count < 0 || out.count > mostRegisters)
        lexer.fail("at most 2^20 registers");
      lexer.expect('>');
    }
    function.registers.push_back(out);
  } while (lexer.takeIf(','));
  lexer.expect(';');
}

/// A label, or a statement with its guard.
void Parser::wordInBody(FunctionSyntax &function, int scope) {
  if (lexer.peek().is('@'))
    return statement(function, scope);
  Lexer before = lexer;
  Token word = lexer.expectWord();
  if (!lexer.takeIf(':')) {
    lexer = before;
    return statement(function, scope);
  }
  if (!lexer.takeIf(".branchtargets")) {
    function.labels.push_back({std::string(word.text), scope, function.statements.size(), word.line});
    return;
  }
  FunctionSyntax::Targets targets{std::string(word.text), scope, {}};
  do
    targets.labels.emplace_back(lexer.expectWord().text);
  while (lexer.takeIf(','));
  lexer.expect(';');
  function.targets.push_back(std::move(targets));
}

void Parser::statement(FunctionSyntax &function, int scope) {
  StatementSyntax out;
  size_t begin = lexer.peek().begin;
  out.line = lexer.peek().line;
  out.scope = scope;
  if (lexer.takeIf('@')) {
    out.guardNegated = lexer.takeIf('!');
    out.guard = std::string(lexer.expectWord().text);
  }
  out.opcode = std::string(lexer.expectWord().text);
  if (!lexer.peek().is(';'))
    do
      out.operands.push_back(operand());
    while (lexer.takeIf(','));
  out.text = lexer.between(begin, lexer.peek().begin + 1);
  lexer.expect(';');
  function.statements.push_back(std::move(out));
}

int64_t Parser::offset() {
  if (lexer.takeIf('+'))
    return lexer.expectInteger();
  return lexer.peek().is('-') ? lexer.expectInteger() : 0;
}

OperandSyntax Parser::operand() {
  OperandSyntax first = single();
  if (!lexer.takeIf('|'))
    return first;
  OperandSyntax pair;
  pair.kind = OperandSyntax::Kind::Pair;
  pair.parts = {std::move(first), single()};
  return pair;
}

OperandSyntax Parser::single() {
  using Kind = OperandSyntax::Kind;
  OperandSyntax out;
  const Token &token = lexer.peek();
  if (lexer.takeIf('[')) {
    out.kind = Kind::Address;
    if (lexer.peek().kind == Token::Kind::Word) {
      out.name = std::string(lexer.take().text);
      out.offset = offset();
    } else {
      out.offset = lexer.expectInteger();
    }
    lexer.expect(']');
  } else if (token.is('{') || token.is('(')) {
    char close = lexer.take().is('{') ? '}' : ')';
    out.kind = close == '}' ? Kind::Vector : Kind::List;
    while (!lexer.takeIf(close)) {
      out.parts.push_back(operand());
      if (!lexer.peek().is(close))
        lexer.expect(',');
    }
  } else if (lexer.takeIf('!')) {
    out.negated = true;
    out.name = std::string(lexer.expectWord().text);
  } else if (token.is("_")) {
    lexer.take();
    out.kind = Kind::Sink;
  } else if (token.kind == Token::Kind::Word) {
    out.name = std::string(lexer.take().text);
    out.offset = offset();
  } else if (token.kind == Token::Kind::Single || token.kind == Token::Kind::Double) {
    out.kind = token.kind == Token::Kind::Single ? Kind::Single : Kind::Double;
    out.bits = lexer.take().value;
  } else {
    out.kind = Kind::Integer;
    out.bits = static_cast<uint64_t>(lexer.expectInteger());
  }
  return out;
}

} // namespace

ModuleSyntax parseModule(const std::string &text) { return Parser(text).parse(); }

} // namespace ptxsim
