// SPDX-License-Identifier: Apache-2.0
//
// A module as its text has it: directives and statements, names not yet looked up.
#ifndef FALLOFF_TESTS_PTXSIM_SYNTAX_H
#define FALLOFF_TESTS_PTXSIM_SYNTAX_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ptxsim {

enum class Space : uint8_t { Generic, Global, Shared, Local, Parameter, Constant };

struct OperandSyntax {
  enum class Kind {
    Name,    ///< a register, a variable or a label, with an offset: `%r1`, `table+8`
    Integer, ///< bits
    Single,
    Double,
    Address, ///< `[name+offset]` or `[offset]`
    Vector,  ///< `{a, b}`
    List,    ///< `(a, b)` of a call
    Pair,    ///< `%r1|%p1`
    Sink     ///< `_`
  } kind = Kind::Name;
  std::string name;
  bool negated = false; ///< `!%p1`
  int64_t offset = 0;
  uint64_t bits = 0;
  std::vector<OperandSyntax> parts;
};

struct StatementSyntax {
  int line = 0;
  int scope = 0;
  std::string text;
  std::string guard; ///< name of its predicate, or empty
  bool guardNegated = false;
  std::string opcode; ///< with its suffixes
  std::vector<OperandSyntax> operands;
};

struct VariableSyntax {
  Space space = Space::Global;
  std::string name, type; ///< type as ".b8"
  int line = 0;
  int64_t alignment = 0; ///< 0: that of its type
  int64_t elements = 1;  ///< -1: of an `extern` array without bounds
  int scope = 0;
  bool external = false;
  /// Element values, and names whose addresses they are (with their offsets in `values`).
  std::vector<uint64_t> values;
  std::map<size_t, std::string> addresses;
};

struct RegisterSyntax {
  std::string name, type;
  int64_t count = -1; ///< `%r<count>`; -1: one register of that very name
  int scope = 0;
  int line = 0;
};

struct FunctionSyntax {
  std::string name;
  bool entry = false, defined = false;
  int line = 0;
  int maxThreads = 1024;
  std::vector<VariableSyntax> parameters, results;
  std::vector<RegisterSyntax> registers;
  std::vector<VariableSyntax> variables; ///< .shared, .local and .param of the body
  std::vector<StatementSyntax> statements;
  std::vector<int> parents; ///< of each scope; -1 of scope 0
  struct Label {
    std::string name;
    int scope;
    size_t statement; ///< that follows
    int line;
  };
  std::vector<Label> labels;
  struct Targets { ///< `.branchtargets`
    std::string name;
    int scope;
    std::vector<std::string> labels;
  };
  std::vector<Targets> targets;
};

struct ModuleSyntax {
  std::string version, target;
  std::vector<VariableSyntax> variables;
  std::vector<FunctionSyntax> functions;
};

/// Throws Fault (Syntax or Unsupported).
ModuleSyntax parseModule(const std::string &text);

} // namespace ptxsim

#endif
