// SPDX-License-Identifier: Apache-2.0
//
// Reads the ops of a linked pattern into a set program, one after another.
#include "compiler/passes/BuildProgram.h"
#include "compiler/passes/BindProgram.h"
#include "compiler/passes/ProgramBuilder.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace falloff;
using namespace falloff::mask;

namespace {

class PatternReader {
public:
  explicit PatternReader(PatternOp pattern) : pattern(pattern), builder(pattern.getSymName().str()) {}
  FailureOr<LinkedProgram> read();

private:
  LogicalResult readSignature();
  LogicalResult readOp(Operation *op);
  void read(SplitOp op);
  LogicalResult readKeep(KeepOp op);
  int32_t readLeaf(Operation *op);
  int32_t read(WindowOp op);
  int32_t read(LinkedOp op);
  int32_t read(WhereOp op);

  Formula number(Value value, std::optional<int64_t> literal);
  Formula number(WindowOp::Size size) { return number(size.value, size.literal); }
  /// Appends an expression, with the `let`s it names written out.
  void append(ExprAttr expr, OperandRange args, Formula &formula);
  int32_t axis(Value value) const { return axes.lookup(value); }
  std::vector<int32_t> setsOf(OperandRange values) const;

  PatternOp pattern;
  ProgramBuilder builder;
  llvm::DenseMap<Value, int32_t> axes, parameters, sets;
  std::vector<Location> sources;
};

} // namespace

static FormulaStep literalStep(double value) {
  FormulaStep step;
  step.value = value;
  return step;
}

static WhereStep::Kind stepOf(ExprKind kind) {
  switch (kind) {
  case ExprKind::Distance:
    return WhereStep::Distance;
  case ExprKind::Query:
    return WhereStep::Query;
  case ExprKind::Key:
    return WhereStep::Key;
  case ExprKind::Add:
    return WhereStep::Add;
  case ExprKind::Subtract:
    return WhereStep::Subtract;
  case ExprKind::Multiply:
    return WhereStep::Multiply;
  case ExprKind::Divide:
    return WhereStep::Divide;
  case ExprKind::Mod:
    return WhereStep::Mod;
  case ExprKind::Min:
    return WhereStep::Min;
  case ExprKind::Max:
    return WhereStep::Max;
  case ExprKind::Floor:
    return WhereStep::Floor;
  case ExprKind::Ceil:
    return WhereStep::Ceil;
  case ExprKind::Abs:
    return WhereStep::Abs;
  case ExprKind::Sqrt:
    return WhereStep::Sqrt;
  case ExprKind::BitFloor:
    return WhereStep::BitFloor;
  case ExprKind::Number:
  case ExprKind::Operand:
  case ExprKind::Extent:
    break;
  }
  llvm_unreachable("read on its own");
}

static WhereStep::Kind stepOf(Comparison comparison) {
  switch (comparison) {
  case Comparison::Less:
    return WhereStep::Less;
  case Comparison::LessEqual:
    return WhereStep::LessEqual;
  case Comparison::Greater:
    return WhereStep::Greater;
  case Comparison::GreaterEqual:
    return WhereStep::GreaterEqual;
  case Comparison::Equal:
    return WhereStep::Equal;
  }
  llvm_unreachable("unknown comparison");
}

FailureOr<LinkedProgram> PatternReader::read() {
  if (failed(readSignature()))
    return failure();
  for (Operation &op : pattern.getBody().front()) {
    builder.setSource(int32_t(sources.size()));
    sources.push_back(op.getLoc());
    if (failed(readOp(&op)))
      return failure();
  }
  return LinkedProgram{builder.take(), std::move(sources), pattern.getLoc()};
}

LogicalResult PatternReader::readSignature() {
  for (BlockArgument argument : pattern.getParamArguments())
    parameters[argument] = builder.parameter(pattern.getParamOf(argument).getName().str());
  auto argument = pattern.getAxisArguments().begin();
  for (unsigned i = 0; i < pattern.getNumSegments(); ++i) {
    SegmentAttr segment = pattern.getSegment(i);
    if (segment.getNumAxes() > unsigned(Box::maxAxes))
      return pattern.emitError() << "segment '" << segment.getLabel() << "' expects at most " << Box::maxAxes
                                 << " axes, but got " << segment.getNumAxes();
    std::vector<std::string> names;
    for (unsigned axis = 0; axis < segment.getNumAxes(); ++axis)
      names.push_back(segment.getAxisName(axis).str());
    for (int32_t number : builder.segment(segment.getLabel().str(), names))
      axes[*argument++] = number;
  }
  return success();
}

LogicalResult PatternReader::readOp(Operation *op) {
  if (auto keep = dyn_cast<KeepOp>(op))
    return readKeep(keep);
  if (auto split = dyn_cast<SplitOp>(op)) {
    read(split);
    return success();
  }
  if (isa<IncludeOp>(op))
    return op->emitError("expects a pattern without includes; link-includes comes first");
  if (isa<LetOp, TableOp, RelationOp>(op))
    return success(); // read where they are used
  sets[op->getResult(0)] = readLeaf(op);
  return success();
}

void PatternReader::read(SplitOp op) {
  std::pair<int32_t, int32_t> split;
  int32_t parent = axis(op.getAxis());
  auto doubles = [](ArrayRef<int64_t> values) { return std::vector<double>(values.begin(), values.end()); };
  if (op.getCuts())
    split = builder.splitAt(parent, doubles(*op.getCuts()));
  else if (Value table = op.getTable()) {
    if (auto constant = table.getDefiningOp<TableOp>())
      split = builder.splitAt(parent, doubles(constant.getValues()));
    else
      split = builder.splitAtParameter(parent, parameters.lookup(table));
  } else {
    split = builder.splitBy(parent, number(op.getSize(), op.getStaticSize()));
  }
  axes[op.getPart()] = split.first;
  axes[op.getOffset()] = split.second;
}

std::vector<int32_t> PatternReader::setsOf(OperandRange values) const {
  std::vector<int32_t> result;
  for (Value value : values)
    result.push_back(sets.lookup(value));
  return result;
}

LogicalResult PatternReader::readKeep(KeepOp op) {
  std::vector<ProgramBuilder::About> abouts;
  for (Value value : op.getAbout()) {
    if (auto bounded = value.getDefiningOp<BoundedOp>())
      abouts.push_back({sets.lookup(bounded.getInner()), sets.lookup(bounded.getLimit())});
    else
      abouts.push_back({sets.lookup(value), -1});
  }
  if (!builder.keep(setsOf(op.getSets()), abouts, setsOf(op.getLimits())))
    return op.emitError() << "expects sets with at most " << ProgramBuilder::maxGroups
                          << " different limits after `about`; keep some includes exactly, or join their patterns";
  return success();
}

int32_t PatternReader::readLeaf(Operation *op) {
  return llvm::TypeSwitch<Operation *, int32_t>(op)
      .Case([&](KeysOp op) { return builder.keys(axis(op.getAxis())); })
      .Case([&](QueriesOp op) { return builder.queries(axis(op.getAxis())); })
      .Case([&](EitherOp op) { return builder.either(axis(op.getAxis())); })
      .Case([&](FirstOp op) { return builder.first(axis(op.getAxis()), number(op.getCount(), op.getStaticCount())); })
      .Case([&](WithinOp op) { return builder.within(axis(op.getAxis()), number(op.getCount(), op.getStaticCount())); })
      .Case([&](SameOp op) { return builder.same(axis(op.getAxis())); })
      .Case([&](CausalOp op) { return builder.causal(axis(op.getAxis())); })
      .Case([&](AnyOfOp op) { return builder.anyOf(setsOf(op.getSets())); })
      .Case([&](AllOfOp op) { return builder.allOf(setsOf(op.getSets())); })
      .Case([&](NoneOfOp op) { return builder.noneOf(setsOf(op.getSets())); })
      .Case([&](BoundedOp op) { return builder.allOf({sets.lookup(op.getInner()), sets.lookup(op.getLimit())}); })
      .Case([&](WhenOp op) {
        return builder.when(parameters.lookup(op.getChoice()), op.getWord().str(), sets.lookup(op.getThen()));
      })
      .Case<WindowOp, LinkedOp, WhereOp>([&](auto op) { return read(op); });
}

int32_t PatternReader::read(WindowOp op) {
  auto optional = [&](WindowOp::Size size) { return !size.value && size.literal == 1 ? Formula() : number(size); };
  std::vector<int32_t> factors;
  for (unsigned i = 0; i < op.getAxes().size(); ++i)
    factors.push_back(builder.window(axis(op.getAxes()[i]), number(op.getSize(i)), optional(op.getStride(i)),
                                     optional(op.getDilation(i)), op.isCausal(i)));
  return builder.allOf(factors);
}

int32_t PatternReader::read(LinkedOp op) {
  std::vector<int32_t> over;
  for (Value value : op.getAxes())
    over.push_back(axis(value));
  auto constant = op.getRelation().getDefiningOp<RelationOp>();
  if (!constant)
    return builder.linked(over, parameters.lookup(op.getRelation()), {});
  ArrayRef<bool> links = constant.getLinks();
  std::vector<std::vector<bool>> rows;
  for (int64_t size = constant.getSize(), i = 0; i < size; ++i)
    rows.emplace_back(links.begin() + i * size, links.begin() + (i + 1) * size);
  return builder.linked(over, -1, std::move(rows));
}

int32_t PatternReader::read(WhereOp op) {
  Formula formula;
  append(op.getLeft(), op.getArgs(), formula);
  append(op.getRight(), op.getArgs(), formula);
  FormulaStep comparison;
  comparison.kind = FormulaStep::Read;
  comparison.step = stepOf(op.getComparison());
  formula.push_back(comparison);
  return builder.where(formula);
}

Formula PatternReader::number(Value value, std::optional<int64_t> literal) {
  Formula formula;
  FormulaStep step = literalStep(double(literal.value_or(0)));
  if (!value) {
    formula.push_back(step);
  } else if (auto let = value.getDefiningOp<LetOp>()) {
    append(let.getExpr(), let.getArgs(), formula);
  } else {
    step.kind = FormulaStep::Parameter;
    step.index = parameters.lookup(value);
    formula.push_back(step);
  }
  return formula;
}

void PatternReader::append(ExprAttr expr, OperandRange args, Formula &formula) {
  if (expr.isNumber()) {
    formula.push_back(literalStep(expr.getValue()));
    return;
  }
  if (expr.getKind() == ExprKind::Operand) {
    Formula operand = number(args[expr.getIndex()], std::nullopt);
    formula.insert(formula.end(), operand.begin(), operand.end());
    return;
  }
  for (ExprAttr child : expr.getChildren())
    append(child, args, formula);
  FormulaStep step;
  if (expr.isOfAxis())
    step.index = axis(args[expr.getIndex()]);
  step.kind = expr.getKind() == ExprKind::Extent ? FormulaStep::Extent : FormulaStep::Read;
  if (step.kind == FormulaStep::Read)
    step.step = stepOf(expr.getKind());
  formula.push_back(step);
}

FailureOr<LinkedProgram> falloff::buildProgram(PatternOp pattern) { return PatternReader(pattern).read(); }

//===--- binding ------------------------------------------------------------------------------------------------===//

ProgramInputs falloff::inputsOf(const BoundPattern &bound, int64_t head) {
  ProgramInputs inputs;
  inputs.extents = bound.extents;
  inputs.order.assign(bound.order.begin(), bound.order.end());
  for (unsigned i = 0; i < bound.parameters.size(); ++i) {
    ParameterValue value = bound.valueOf(i, head);
    if (auto *number = std::get_if<double>(&value))
      inputs.parameters.push_back(*number);
    else if (auto *word = std::get_if<std::string>(&value))
      inputs.parameters.push_back(std::move(*word));
    else if (auto *table = std::get_if<std::vector<double>>(&value))
      inputs.parameters.push_back(std::move(*table));
    else if (auto *relation = std::get_if<std::vector<std::vector<bool>>>(&value))
      inputs.parameters.push_back(std::move(*relation));
    else
      llvm_unreachable("a head sees one word");
  }
  return inputs;
}

ProgramInputs falloff::inputsOf(PatternOp pattern) {
  ProgramInputs inputs;
  for (unsigned i = 0; i < pattern.getNumSegments(); ++i) {
    ArrayRef<int64_t> extents = pattern.getSegment(i).getExtents().asArrayRef();
    inputs.extents.emplace_back(extents.begin(), extents.end());
  }
  return inputs;
}

FailureOr<BoundMask> falloff::bindMask(const LinkedProgram &program, const ProgramInputs &inputs) {
  try {
    return bindProgram(program.recipe, inputs);
  } catch (const BindError &error) {
    emitError(error.source < 0 ? program.pattern : program.sources[error.source]) << error.message;
    return failure();
  }
}
