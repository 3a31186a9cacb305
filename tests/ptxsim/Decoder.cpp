// SPDX-License-Identifier: Apache-2.0
//
// Operands of one function to rows.
#include "tests/ptxsim/Decoder.h"

#include <algorithm>

namespace ptxsim {

static std::string key(int scope, const std::string &name) { return std::to_string(scope) + ":" + name; }

Decoder::Decoder(const ModuleSyntax &syntax, ModuleCode &module, const FunctionSyntax &function, FunctionCode &code,
                 const std::unordered_map<std::string, Symbol> &moduleSymbols)
    : syntaxTree(syntax), module(module), function(function), code(code), moduleSymbols(moduleSymbols) {}

void Decoder::unsupported(const std::string &what) const {
  FaultPlace place;
  place.line = current ? current->line : function.line;
  place.instruction = current ? current->text : "";
  throw Fault(FaultKind::Unsupported, what, place);
}

void Decoder::syntax(const std::string &what) const {
  FaultPlace place;
  place.line = current ? current->line : function.line;
  place.instruction = current ? current->text : "";
  throw Fault(FaultKind::Syntax, what, place);
}

const OperandSyntax &Decoder::operand(size_t index) const {
  if (index >= current->operands.size())
    syntax("expects at least " + std::to_string(index + 1) + " operands, but got " +
           std::to_string(current->operands.size()));
  operandsRead = std::max(operandsRead, index + 1);
  return current->operands[index];
}

uint32_t Decoder::addRows(int count) {
  uint32_t row = code.rowCount;
  code.rowCount += count;
  return row;
}

void Decoder::declareRegisters() {
  for (const RegisterSyntax &declared : function.registers) {
    std::optional<Type> type = typeNamed(declared.type.substr(1));
    if (!type || *type == Type::B128)
      syntax("expects a type of registers, but got '" + declared.type + "'");
    int rows = bytesOf(*type) == 8 ? 2 : 1;
    if (declared.count >= 0) {
      ranges[key(declared.scope, declared.name)] = {declared.name, declared.count, declared.scope, *type,
                                                    addRows(rows * static_cast<int>(declared.count))};
    } else {
      Symbol symbol;
      symbol.type = *type;
      symbol.row = addRows(rows);
      symbols[key(declared.scope, declared.name)] = symbol;
    }
  }
}

const Symbol *Decoder::lookUp(const std::string &name, int scope) const {
  for (; scope >= 0; scope = function.parents[scope])
    if (auto found = symbols.find(key(scope, name)); found != symbols.end())
      return &found->second;
  auto found = moduleSymbols.find(name);
  return found == moduleSymbols.end() ? nullptr : &found->second;
}

uint32_t Decoder::registerRow(const std::string &name, int scope, Type &type) const {
  size_t digits = name.size();
  while (digits > 0 && std::isdigit(static_cast<unsigned char>(name[digits - 1])))
    --digits;
  std::string prefix = name.substr(0, digits);
  for (int at = scope; at >= 0; at = function.parents[at]) {
    if (auto found = symbols.find(key(at, name));
        found != symbols.end() && found->second.kind == Symbol::Kind::Register) {
      type = found->second.type;
      return found->second.row;
    }
    bool numbered = digits < name.size() && name.size() - digits < 10;
    auto range = numbered ? ranges.find(key(at, prefix)) : ranges.end();
    if (range != ranges.end()) {
      int64_t number = std::stoll(name.substr(digits));
      if (number < range->second.count) {
        type = range->second.type;
        return range->second.row + static_cast<uint32_t>(number) * (bytesOf(type) == 8 ? 2 : 1);
      }
    }
  }
  return noRow;
}

std::optional<uint32_t> Decoder::specialRow(const std::string &name) {
  static const std::unordered_map<std::string, Special> known = {{"%tid.x", Special::TidX},
                                                                 {"%tid.y", Special::TidY},
                                                                 {"%tid.z", Special::TidZ},
                                                                 {"%ntid.x", Special::NtidX},
                                                                 {"%ntid.y", Special::NtidY},
                                                                 {"%ntid.z", Special::NtidZ},
                                                                 {"%ctaid.x", Special::CtaidX},
                                                                 {"%ctaid.y", Special::CtaidY},
                                                                 {"%ctaid.z", Special::CtaidZ},
                                                                 {"%nctaid.x", Special::NctaidX},
                                                                 {"%nctaid.y", Special::NctaidY},
                                                                 {"%nctaid.z", Special::NctaidZ},
                                                                 {"%laneid", Special::LaneId},
                                                                 {"%warpid", Special::WarpId},
                                                                 {"%lanemask_eq", Special::LanemaskEq},
                                                                 {"%lanemask_lt", Special::LanemaskLt},
                                                                 {"%lanemask_le", Special::LanemaskLe},
                                                                 {"%lanemask_gt", Special::LanemaskGt},
                                                                 {"%lanemask_ge", Special::LanemaskGe},
                                                                 {"%dynamic_smem_size", Special::DynamicSharedSize},
                                                                 {"%total_smem_size", Special::TotalSharedSize}};
  auto found = known.find(name);
  if (found == known.end())
    return std::nullopt;
  auto [at, fresh] = specials.try_emplace(name, 0);
  if (fresh) {
    at->second = addRows(1);
    code.specials.emplace_back(at->second, found->second);
  }
  return at->second;
}

uint32_t Decoder::constantRow(uint64_t value, int bytes, int variable) {
  std::string name = std::to_string(value) + "/" + std::to_string(bytes) + "/" + std::to_string(variable);
  auto [at, fresh] = constants.try_emplace(name, 0);
  if (fresh) {
    at->second = addRows(bytes == 8 ? 2 : 1);
    code.constants.push_back({at->second, bytes, value, variable});
  }
  return at->second;
}

uint32_t Decoder::scratchRow() {
  if (scratch == noRow)
    scratch = addRows(2);
  return scratch;
}

void Decoder::append(Instruction &out, uint32_t row, bool destination, bool wide) {
  size_t index = out.destinations + out.sources;
  if (index >= out.rows.size())
    unsupported("expects at most " + std::to_string(out.rows.size()) + " operands");
  if (destination && out.sources)
    throw std::logic_error("destinations are appended before sources");
  out.rows[index] = row;
  if (wide && index < 8)
    out.widths |= 1 << index;
  ++(destination ? out.destinations : out.sources);
}

void Decoder::checkWidth(const std::string &name, Type registerType, Type type, bool wider) const {
  bool predicates = registerType == Type::Pred || type == Type::Pred;
  int have = bytesOf(registerType), need = bytesOf(type);
  // Registers of 8 bits do not exist: narrow types go into 16 bits, or into what is wider where that is allowed.
  bool fits = predicates ? registerType == type : have == need || (have > need && (wider || need == 1));
  if (!fits)
    syntax("expects a register for ." + std::string(ptxsim::name(type)) + ", but got '" + name + "' of ." +
           ptxsim::name(registerType));
}

void Decoder::destination(Instruction &out, const OperandSyntax &operand, Type type, bool wider) {
  if (operand.kind == OperandSyntax::Kind::Sink)
    return append(out, scratchRow(), true, bytesOf(type) == 8);
  Type registerType = Type::B32;
  uint32_t row = operand.kind == OperandSyntax::Kind::Name && !operand.negated
                     ? registerRow(operand.name, current->scope, registerType)
                     : noRow;
  if (row == noRow)
    syntax("expects a register as destination, but got '" + operand.name + "'");
  checkWidth(operand.name, registerType, type, wider);
  append(out, row, true, bytesOf(registerType) == 8);
}

static uint64_t cut(uint64_t value, int bytes) {
  return bytes >= 8 ? value : value & ((uint64_t(1) << (8 * bytes)) - 1);
}

static uint64_t floatConstant(const OperandSyntax &operand, Type type) {
  bool single = operand.kind == OperandSyntax::Kind::Single;
  if (type == Type::F64 && single)
    return asBits(static_cast<double>(asFloat(static_cast<uint32_t>(operand.bits))));
  if (type == Type::F32 && !single)
    return asBits(static_cast<float>(asDouble(operand.bits)));
  return operand.bits;
}

std::optional<uint64_t> Decoder::constant(const OperandSyntax &operand) const {
  if (operand.kind == OperandSyntax::Kind::Integer)
    return operand.bits;
  if (operand.kind == OperandSyntax::Kind::Name && operand.name == "WARP_SZ")
    return 32;
  return std::nullopt;
}

int64_t Decoder::requireConstant(const OperandSyntax &operand) const {
  std::optional<uint64_t> value = constant(operand);
  if (!value)
    syntax("expects an integer, but got '" + operand.name + "'");
  return static_cast<int64_t>(*value);
}

/// What is added to a symbol's offset to make its address.
static int baseOf(const Symbol &symbol) {
  if (symbol.kind == Symbol::Kind::Variable)
    return symbol.variable;
  return symbol.kind == Symbol::Kind::Local ? frameVariable : -1;
}

void Decoder::source(Instruction &out, const OperandSyntax &operand, Type type, bool wider) {
  using Kind = OperandSyntax::Kind;
  int bytes = bytesOf(type);
  int stored = bytes == 8 ? 8 : 4;
  if (std::optional<uint64_t> value = constant(operand)) {
    if (type == Type::Pred)
      return append(out, constantRow(*value ? ~0u : 0, 0), false, false);
    if (type == Type::F32 || type == Type::F64)
      syntax("expects a constant of ." + std::string(ptxsim::name(type)) + ", but got an integer");
    return append(out, constantRow(cut(*value, bytes), stored), false, stored == 8);
  }
  if (operand.kind == Kind::Single || operand.kind == Kind::Double) {
    if (bytes < 4 || (bytes == 4 && operand.kind == Kind::Double && type != Type::F32))
      syntax("expects a constant of ." + std::string(ptxsim::name(type)) + ", but got a float");
    return append(out, constantRow(floatConstant(operand, type), stored), false, stored == 8);
  }
  if (operand.kind != Kind::Name || operand.negated)
    syntax("expects a register or a constant of ." + std::string(ptxsim::name(type)));
  Type registerType = Type::B32;
  uint32_t row = registerRow(operand.name, current->scope, registerType);
  if (row != noRow && operand.offset)
    syntax("expects a register without an offset, but got '" + operand.name + "'");
  if (row == noRow) {
    if (std::optional<uint32_t> special = specialRow(operand.name)) {
      row = *special;
      registerType = Type::B32;
    } else if (const Symbol *symbol = lookUp(operand.name, current->scope)) {
      int variable = baseOf(*symbol);
      if (bytes < 4)
        syntax("expects 32 or 64 bits for an address, but got ." + std::string(ptxsim::name(type)));
      return append(out, constantRow(static_cast<uint64_t>(symbol->offset + operand.offset), stored, variable), false,
                    stored == 8);
    } else {
      unsupported("expects a register, a variable or a special register that is known, but got '" + operand.name + "'");
    }
  }
  checkWidth(operand.name, registerType, type, wider);
  append(out, row, false, bytesOf(registerType) == 8);
}

void Decoder::predicateSource(Instruction &out, const OperandSyntax &operand, bool &negated) {
  negated = operand.negated;
  OperandSyntax plain = operand;
  plain.negated = false;
  source(out, plain, Type::Pred);
}

void Decoder::address(Instruction &out, const OperandSyntax &operand, Space space) {
  if (operand.kind != OperandSyntax::Kind::Address)
    syntax("expects an address in brackets");
  Type registerType = Type::B64;
  uint32_t row = operand.name.empty() ? constantRow(0, 8) : registerRow(operand.name, current->scope, registerType);
  out.immediate = operand.offset;
  if (row != noRow) {
    if (registerType == Type::Pred || bytesOf(registerType) < 4)
      syntax("expects an address of 32 or 64 bits, but got '" + operand.name + "'");
    if (bytesOf(registerType) == 4 && space != Space::Shared && space != Space::Local && space != Space::Parameter)
      syntax("expects an address of 64 bits, but got '" + operand.name + "'");
    return append(out, row, false, bytesOf(registerType) == 8);
  }
  const Symbol *symbol = lookUp(operand.name, current->scope);
  if (!symbol)
    syntax("expects a register or a variable, but got '" + operand.name + "'");
  using Kind = Symbol::Kind;
  bool fits = (space == Space::Shared && symbol->kind == Kind::Shared) ||
              (space == Space::Local && symbol->kind == Kind::Local) ||
              (space == Space::Parameter && (symbol->kind == Kind::Parameter || symbol->kind == Kind::Local)) ||
              ((space == Space::Global || space == Space::Constant) && symbol->kind == Kind::Variable);
  if (!fits)
    syntax("expects a variable of the instruction's space, but got '" + operand.name + "'");
  if (space == Space::Parameter && symbol->kind == Kind::Local)
    out.space = Space::Local; // parameters of a function and of a call lie in the frame
  append(out, constantRow(static_cast<uint64_t>(symbol->offset), 8, baseOf(*symbol)), false, true);
}

bool Decoder::isPredicate(const OperandSyntax &operand) const {
  Type type = Type::B32;
  return registerRow(operand.name, current->scope, type) != noRow && type == Type::Pred;
}

int Decoder::registerBytes(const OperandSyntax &operand) const {
  Type type = Type::B32;
  return registerRow(operand.name, current->scope, type) == noRow ? 0 : bytesOf(type);
}

void Decoder::simple(Instruction &out, Type type, int sources) {
  if (operands() != static_cast<size_t>(sources) + 1)
    syntax("expects " + std::to_string(sources + 1) + " operands, but got " + std::to_string(operands()));
  out.type = type;
  destination(out, operand(0), type);
  for (int i = 1; i <= sources; ++i)
    source(out, operand(i), type);
}

uint32_t Decoder::label(const OperandSyntax &operand) const {
  for (int scope = current->scope; scope >= 0; scope = function.parents[scope])
    if (auto found = labels.find(key(scope, operand.name)); found != labels.end())
      return found->second;
  syntax("expects a label, but got '" + operand.name + "'");
}

uint32_t Decoder::branchTable(const OperandSyntax &operand) {
  for (const FunctionSyntax::Targets &targets : function.targets) {
    if (targets.name != operand.name)
      continue;
    std::vector<uint32_t> table;
    for (const std::string &name : targets.labels) {
      OperandSyntax target;
      target.name = name;
      table.push_back(label(target));
    }
    code.branchTables.push_back(std::move(table));
    return static_cast<uint32_t>(code.branchTables.size()) - 1;
  }
  syntax("expects a list of branch targets, but got '" + operand.name + "'");
}

size_t Decoder::callee(const std::string &name) const {
  for (size_t i = 0; i < module.functions.size(); ++i)
    if (module.functions[i].name == name && !module.functions[i].entry)
      return i;
  unsupported("expects a function of this module, but got '" + name + "'");
}

void Decoder::checkCall(const CallCode &call) const {
  const FunctionCode &called = module.functions[call.function];
  if (called.parameters.size() != call.arguments.size() || called.results.size() != call.results.size())
    syntax("expects " + std::to_string(called.parameters.size()) + " arguments and " +
           std::to_string(called.results.size()) + " results of '" + called.name + "', but got " +
           std::to_string(call.arguments.size()) + " and " + std::to_string(call.results.size()));
}

} // namespace ptxsim
