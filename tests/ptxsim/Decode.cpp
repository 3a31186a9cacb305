// SPDX-License-Identifier: Apache-2.0
//
// A parsed module to one that runs: variables are laid out, then each function's statements decoded one by one, each to
// one instruction.
#include "tests/ptxsim/Decoder.h"
#include "tests/ptxsim/Simulator.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace ptxsim {

struct TypeInfo {
  const char *name;
  Type type;
  int bytes;
};

static const TypeInfo typeInfos[] = {
    {"pred", Type::Pred, 4},     {"b8", Type::B8, 1},      {"b16", Type::B16, 2},   {"b32", Type::B32, 4},
    {"b64", Type::B64, 8},       {"u8", Type::U8, 1},      {"u16", Type::U16, 2},   {"u32", Type::U32, 4},
    {"u64", Type::U64, 8},       {"s8", Type::S8, 1},      {"s16", Type::S16, 2},   {"s32", Type::S32, 4},
    {"s64", Type::S64, 8},       {"f16", Type::F16, 2},    {"bf16", Type::BF16, 2}, {"f16x2", Type::F16x2, 4},
    {"bf16x2", Type::BF16x2, 4}, {"f32", Type::F32, 4},    {"f64", Type::F64, 8},   {"e4m3x2", Type::E4M3x2, 2},
    {"e5m2x2", Type::E5M2x2, 2}, {"b128", Type::B128, 16}, {"tf32", Type::TF32, 4}};

std::optional<Type> typeNamed(std::string_view name) {
  for (const TypeInfo &info : typeInfos)
    if (name == info.name)
      return info.type;
  return std::nullopt;
}

static const TypeInfo &infoOf(Type type) {
  return *std::find_if(std::begin(typeInfos), std::end(typeInfos), [&](const TypeInfo &i) { return i.type == type; });
}

int bytesOf(Type type) { return infoOf(type).bytes; }
const char *name(Type type) { return infoOf(type).name; }
bool isSigned(Type type) { return type >= Type::S8 && type <= Type::S64; }
bool isFloat(Type type) { return type >= Type::F16; }

// ---- suffixes

Suffixes::Suffixes(std::string_view opcode) {
  size_t begin = 0;
  do {
    size_t end = std::min(opcode.find('.', begin), opcode.size());
    parts.emplace_back(opcode.substr(begin, end - begin));
    begin = end + 1;
  } while (begin <= opcode.size());
  first = parts.front();
  parts.erase(parts.begin());
}

bool Suffixes::take(std::string_view suffix) {
  auto found = std::find(parts.begin(), parts.end(), suffix);
  if (found == parts.end())
    return false;
  parts.erase(found);
  return true;
}

int Suffixes::takeOne(std::initializer_list<std::string_view> suffixes) {
  int index = 0;
  for (std::string_view suffix : suffixes) {
    if (take(suffix))
      return index;
    ++index;
  }
  return -1;
}

std::optional<Type> Suffixes::takeType() {
  for (size_t i = 0; i < parts.size(); ++i)
    if (std::optional<Type> type = typeNamed(parts[i])) {
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i));
      return type;
    }
  return std::nullopt;
}

Rounding Suffixes::takeRounding(Rounding otherwise, bool *found, bool *toWhole) {
  static const std::initializer_list<std::string_view> floats = {"rn", "rz", "rm", "rp"};
  static const std::initializer_list<std::string_view> integers = {"rni", "rzi", "rmi", "rpi"};
  int index = takeOne(floats);
  if (index < 0 && toWhole) {
    index = takeOne(integers);
    *toWhole = index >= 0;
  }
  if (found)
    *found = index >= 0;
  return index < 0 ? otherwise : static_cast<Rounding>(index);
}

// ---- layout

static int64_t roundUp(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

static int64_t elementBytes(const VariableSyntax &variable) {
  std::optional<Type> type = variable.type.empty() ? std::nullopt : typeNamed(variable.type.substr(1));
  if (!type || *type == Type::Pred)
    throw Fault(FaultKind::Syntax, "expects a type for '" + variable.name + "', but got '" + variable.type + "'",
                {variable.line, "", {-1, -1, -1}, -1, -1, {}});
  return bytesOf(*type);
}

static int64_t alignmentOf(const VariableSyntax &variable) {
  return variable.alignment ? variable.alignment : elementBytes(variable);
}

/// Places `variable` behind `end`, at an address that is aligned as it says and no better.
static int64_t place(int64_t &end, const VariableSyntax &variable, bool exactly = false) {
  int64_t alignment = alignmentOf(variable), offset = roundUp(end, alignment);
  if (exactly && offset % (2 * alignment) == 0)
    offset += alignment;
  end = offset + elementBytes(variable) * std::max<int64_t>(variable.elements, 0);
  return offset;
}

static VariableCode moduleVariable(const VariableSyntax &variable) {
  VariableCode out;
  out.name = variable.name;
  out.space = variable.space;
  out.alignment = alignmentOf(variable);
  int64_t element = elementBytes(variable);
  out.bytes = element * std::max<int64_t>(variable.elements, static_cast<int64_t>(variable.values.size()));
  out.image.resize(out.bytes);
  for (size_t i = 0; i < variable.values.size(); ++i)
    std::memcpy(out.image.data() + i * element, &variable.values[i], element);
  for (const auto &[index, name] : variable.addresses) {
    if (element != 8)
      throw Fault(FaultKind::Unsupported, "expects 64 bits for an address in '" + variable.name + "'",
                  {variable.line, "", {-1, -1, -1}, -1, -1, {}});
    out.addresses.emplace_back(static_cast<int64_t>(index) * element, name);
  }
  return out;
}

namespace {

/// Shared memory of one module: variables outside of functions, then those of each entry point, then the extern arrays,
/// all at one address behind the longest of the rest.
struct SharedLayout {
  std::unordered_map<std::string, int64_t> offsets; ///< of module variables; of functions' as "function:scope:name"
  std::unordered_map<std::string, std::pair<int64_t, int64_t>> ranges; ///< by function
  int64_t dynamicBegin = 0;
};

std::string sharedName(const FunctionSyntax &function, const VariableSyntax &variable) {
  return function.name + ":" + std::to_string(variable.scope) + ":" + variable.name;
}

SharedLayout layOutShared(const ModuleSyntax &syntax) {
  SharedLayout layout;
  std::vector<const VariableSyntax *> dynamic;
  int64_t moduleBegin = 0, moduleEnd = sharedBegin;
  auto add = [](int64_t &begin, int64_t &end, const VariableSyntax &variable) {
    int64_t offset = place(end, variable, begin == 0);
    if (begin == 0)
      begin = offset;
    return offset;
  };
  for (const VariableSyntax &variable : syntax.variables) {
    if (variable.space == Space::Shared && !variable.external)
      layout.offsets[variable.name] = add(moduleBegin, moduleEnd, variable);
    else if (variable.space == Space::Shared)
      dynamic.push_back(&variable);
  }
  int64_t last = moduleEnd;
  for (const FunctionSyntax &function : syntax.functions) {
    int64_t begin = moduleBegin, end = moduleEnd;
    for (const VariableSyntax &variable : function.variables)
      if (variable.space == Space::Shared)
        layout.offsets[sharedName(function, variable)] = add(begin, end, variable);
    layout.ranges[function.name] = {begin ? begin : end, end};
    last = std::max(last, end);
  }
  int64_t alignment = 16;
  for (const VariableSyntax *variable : dynamic)
    alignment = std::max(alignment, alignmentOf(*variable));
  layout.dynamicBegin = roundUp(last, alignment);
  if (layout.dynamicBegin % (2 * alignment) == 0)
    layout.dynamicBegin += alignment;
  for (const VariableSyntax *variable : dynamic)
    layout.offsets[variable->name] = layout.dynamicBegin;
  return layout;
}

void layOutParameters(const FunctionSyntax &syntax, FunctionCode &code) {
  int64_t end = 0;
  for (const VariableSyntax &parameter : syntax.parameters) {
    int64_t offset = place(end, parameter);
    code.parameters.push_back({parameter.name, offset, end - offset});
  }
  if (syntax.entry) {
    code.parameterBytes = end;
    return;
  }
  for (const VariableSyntax &result : syntax.results) {
    int64_t offset = place(end, result);
    code.results.push_back({result.name, offset, end - offset});
  }
  code.localBytes = end;
}

} // namespace

ModuleCode decodeModule(const ModuleSyntax &syntax) {
  static std::atomic<uint64_t> identities{1};
  ModuleCode module;
  module.identity = identities++;
  module.target = syntax.target;
  SharedLayout shared = layOutShared(syntax);
  module.dynamicSharedBegin = shared.dynamicBegin;
  std::unordered_map<std::string, Symbol> symbols;
  for (const VariableSyntax &variable : syntax.variables) {
    Symbol symbol;
    if (variable.space == Space::Shared) {
      symbol.kind = Symbol::Kind::Shared;
      symbol.offset = shared.offsets[variable.name];
    } else if (variable.external) {
      throw Fault(FaultKind::Unsupported,
                  "expects every variable's definition, but got none of '" + variable.name + "'",
                  {variable.line, "", {-1, -1, -1}, -1, -1, {}});
    } else {
      symbol.kind = Symbol::Kind::Variable;
      symbol.variable = static_cast<int>(module.variables.size());
      module.variables.push_back(moduleVariable(variable));
    }
    symbols[variable.name] = symbol;
  }
  std::vector<const FunctionSyntax *> defined;
  for (const FunctionSyntax &function : syntax.functions)
    if (function.defined)
      defined.push_back(&function);
  module.functions.resize(defined.size());
  for (size_t i = 0; i < defined.size(); ++i) { // all of them first: calls name functions further down
    module.functions[i].name = defined[i]->name;
    module.functions[i].entry = defined[i]->entry;
    module.functions[i].maxThreads = defined[i]->maxThreads;
    const auto &[begin, end] = shared.ranges[defined[i]->name];
    module.functions[i].sharedEnd = end;
    module.functions[i].staticSharedBytes = end - begin;
    layOutParameters(*defined[i], module.functions[i]);
  }
  for (size_t i = 0; i < defined.size(); ++i) {
    std::unordered_map<std::string, Symbol> visible = symbols;
    for (const VariableSyntax &variable : defined[i]->variables)
      if (variable.space == Space::Shared) {
        Symbol symbol;
        symbol.kind = Symbol::Kind::Shared;
        symbol.offset = shared.offsets[sharedName(*defined[i], variable)];
        visible[variable.name] = symbol;
      }
    Decoder(syntax, module, *defined[i], module.functions[i], visible).decodeFunction();
  }
  return module;
}

// ---- one function

void Decoder::declareVariables() {
  for (const ParameterCode &parameter : code.parameters) {
    Symbol symbol;
    symbol.kind = code.entry ? Symbol::Kind::Parameter : Symbol::Kind::Local;
    symbol.offset = parameter.offset;
    symbol.bytes = parameter.bytes;
    symbols["0:" + parameter.name] = symbol;
  }
  for (const ParameterCode &result : code.results) {
    Symbol symbol;
    symbol.kind = Symbol::Kind::Local;
    symbol.offset = result.offset;
    symbol.bytes = result.bytes;
    symbols["0:" + result.name] = symbol;
  }
  for (const VariableSyntax &variable : function.variables) {
    if (variable.space == Space::Shared)
      continue;
    Symbol symbol;
    symbol.kind = Symbol::Kind::Local;
    symbol.offset = place(code.localBytes, variable);
    symbol.bytes = code.localBytes - symbol.offset;
    symbols[std::to_string(variable.scope) + ":" + variable.name] = symbol;
  }
  code.localBytes = roundUp(code.localBytes, 16);
}

void Decoder::findLabels() {
  for (const FunctionSyntax::Label &label : function.labels)
    labels[std::to_string(label.scope) + ":" + label.name] = static_cast<uint32_t>(label.statement);
}

void Decoder::findLoops() {
  std::unordered_map<uint32_t, int> first; // line of the label
  for (const FunctionSyntax::Label &label : function.labels)
    first.emplace(static_cast<uint32_t>(label.statement), label.line);
  std::map<int, int> loops;
  auto edge = [&](uint32_t from, uint32_t to) {
    if (to > from)
      return;
    int &last = loops[first.at(to)];
    last = std::max(last, code.places[from].line);
  };
  for (uint32_t i = 0; i < code.code.size(); ++i) {
    const Instruction &instruction = code.code[i];
    if (instruction.target != noTarget)
      edge(i, instruction.target);
    if (instruction.isBranchTable)
      for (uint32_t target : code.branchTables[instruction.table])
        edge(i, target);
  }
  code.loops.assign(loops.begin(), loops.end());
}

static const DecodeTable &decodeTable() {
  static const DecodeTable table = [] {
    DecodeTable out;
    for (auto *add : {addInteger, addCarry, addLogic, addFloat, addCompare, addConvert, addMove, addControl, addMemory,
                      addAtomic, addAsync, addExchange, addMatrix, addBarrier})
      add(out);
    return out;
  }();
  return table;
}

std::vector<std::string> implementedOpcodes() {
  std::vector<std::string> names;
  for (const auto &entry : decodeTable())
    names.push_back(entry.first);
  std::sort(names.begin(), names.end());
  return names;
}

void Decoder::decodeStatement(const StatementSyntax &statement) {
  current = &statement;
  Instruction out;
  if (!statement.guard.empty()) {
    Type type = Type::B32;
    out.guard = registerRow(statement.guard, statement.scope, type);
    out.guardNegated = statement.guardNegated;
    if (out.guard == noRow || type != Type::Pred)
      syntax("expects a predicate register, but got '" + statement.guard + "'");
  }
  Suffixes suffixes(statement.opcode);
  auto decode = decodeTable().find(suffixes.base());
  if (decode == decodeTable().end())
    unsupported("expects an instruction that is known, but got '" + statement.opcode + "'");
  operandsRead = 0;
  decode->second(*this, suffixes, out);
  if (operandsRead < statement.operands.size())
    syntax("expects " + std::to_string(operandsRead) + " operands, but got " +
           std::to_string(statement.operands.size()));
  if (!suffixes.left().empty())
    unsupported("expects suffixes of '" + suffixes.base() + "' that are known, but got '." + suffixes.left().front() +
                "'");
  code.code.push_back(out);
  code.places.push_back({statement.line, statement.text});
  current = nullptr;
}

void Decoder::decodeFunction() {
  if (!function.entry)
    for (const VariableSyntax &variable : function.variables)
      if (variable.space == Space::Shared)
        unsupported("expects shared variables of entry points or of the module, but got '" + variable.name +
                    "' of a function");
  declareRegisters();
  declareVariables();
  findLabels();
  for (const StatementSyntax &statement : function.statements)
    decodeStatement(statement);
  // A body may end without `ret`, and a label may be its last word.
  StatementSyntax end;
  end.line = function.statements.empty() ? function.line : function.statements.back().line;
  end.text = "(end of " + function.name + ")";
  end.opcode = "ret";
  decodeStatement(end);
  findLoops();
  findReconvergence(code);
}

} // namespace ptxsim
