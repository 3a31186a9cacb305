// SPDX-License-Identifier: Apache-2.0
//
// One rule a kind of set: a mask of `functorLanes` keys against one query. What depends on the query alone is read once
// a query, before the loop over keys.
#include "compiler/cpu/EmitFunctor.h"
#include <cstddef>
#include <map>

namespace falloff::cpu {
namespace {

class FunctorEmitter {
public:
  FunctorEmitter(mlir::MLIRContext &context, const SetProgram &program)
      : e(context), program(program), bits(e.vector(functorLanes, e.i1)), integers(e.vector(functorLanes, e.i32)),
        doubles(e.vector(functorLanes, e.f64)) {}
  mlir::OwningOpRef<mlir::ModuleOp> emit();

private:
  Emitter e;
  const SetProgram &program;
  const Type bits, integers, doubles;

  // Of the functor.
  Value queries, keys, querySegments, keySegments, queryStride, keyStride, tables, numbers;
  // Of a query.
  Value query;
  std::map<int32_t, Value> queryCoordinates;           // in every lane
  std::map<int32_t, std::pair<Value, Value>> interval; // bounds of a node
  Value querySegment;
  // Of a vector of keys.
  Value key;
  std::map<int32_t, Value> keyCoordinates;
  Value keySegment;
  std::map<int32_t, Value> sets;

  Value index(int64_t value) { return e.integer(e.i64, value); }
  Value splat(Value value) { return e.splat(value, functorLanes); }
  Value every(bool value) { return e.integer(bits, value); }
  Value inverse(Value set) { return e.bitXor(set, every(true)); }
  Value table(int32_t slot) { return e.load(e.pointer, tables, slot * 8); }
  Value entry(int32_t slot, Value at) { return e.load(e.i32, e.advance(table(slot), at, 4)); }
  Value extent(int32_t coordinate) { return e.load(e.i32, table(program.extentTable), coordinate * 4); }

  void readQuery();
  void readKeys();
  Value distance(int32_t coordinate);
  Value both(int32_t segment);
  Value rowMajor(const SetNode &node, llvm::function_ref<Value(int32_t)> coordinate);
  Value lookUp(int32_t slot, Value at, Value where);
  Value set(int32_t node);
  Value makeSet(const SetNode &node, int32_t number);
  Value makeInterval(const SetNode &node, int32_t number);
  Value makeDistances(const SetNode &node);
  Value makeLinked(const SetNode &node);
  Value makeWhere(const SetNode &node);
  Value apply(WhereStep::Kind kind, Value a, Value b);
  Value positiveMod(Value a, Value b);
  Value bitFloor(Value a);
  Value truth(Value condition) { return e.select(condition, e.number(doubles, 1), e.number(doubles, 0)); }
};

mlir::OwningOpRef<mlir::ModuleOp> FunctorEmitter::emit() {
  e.function("pairs", {e.pointer}, true, [&](llvm::ArrayRef<Value> parameters) {
    Value arguments = parameters[0];
    auto pointer = [&](size_t offset) { return e.load(e.pointer, arguments, int64_t(offset)); };
    auto number = [&](size_t offset) { return e.load(e.i64, arguments, int64_t(offset)); };
    queries = pointer(offsetof(FunctorArguments, queries));
    keys = pointer(offsetof(FunctorArguments, keys));
    querySegments = pointer(offsetof(FunctorArguments, querySegments));
    keySegments = pointer(offsetof(FunctorArguments, keySegments));
    queryStride = number(offsetof(FunctorArguments, queryStride));
    keyStride = number(offsetof(FunctorArguments, keyStride));
    tables = pointer(offsetof(FunctorArguments, tables));
    numbers = pointer(offsetof(FunctorArguments, numbers));
    Value out = pointer(offsetof(FunctorArguments, bits)), stride = number(offsetof(FunctorArguments, bitsStride));
    Value fills = number(offsetof(FunctorArguments, fills));
    Values filled; // whether group j fills, in every lane
    for (size_t group = 0; group < program.abouts.size(); ++group)
      filled.push_back(splat(e.compare(Compare::NotEqual, e.bitAnd(fills, index(int64_t(1) << group)), index(0))));

    e.loop(index(0), number(offsetof(FunctorArguments, queryCount)), 1, {}, [&](Value at, llvm::ArrayRef<Value>) {
      query = at;
      readQuery();
      Value row = e.advance(out, e.multiply(at, stride), 1);
      Value count = number(offsetof(FunctorArguments, keyCount));
      e.loop(index(0), count, functorLanes, {}, [&](Value first, llvm::ArrayRef<Value>) {
        key = first;
        readKeys();
        Value kept = set(program.contains);
        for (size_t group = 0; group < filled.size(); ++group)
          kept = e.bitOr(kept, e.bitAnd(filled[group], set(program.abouts[group].limit)));
        kept = e.bitAnd(kept, e.compare(Compare::GreaterEqual, keySegment, e.integer(integers, 0)));
        e.store(e.bitcast(kept, e.i16), e.advance(row, e.shiftRight(first, index(3)), 1));
        return Values();
      });
      return Values();
    });
  });
  return e.take();
}

/// Reads all that sets ask of the query.
void FunctorEmitter::readQuery() {
  queryCoordinates.clear();
  interval.clear();
  querySegment = splat(e.load(e.i32, e.advance(querySegments, query, 4)));
  for (int32_t c = 0; c < int32_t(program.coordinates.size()); ++c) {
    Value row = e.advance(queries, e.multiply(queryStride, index(c)), 4);
    queryCoordinates[c] = splat(e.load(e.i32, e.advance(row, query, 4)));
  }
  for (int32_t number = 0; number < int32_t(program.nodes.size()); ++number) {
    const SetNode &node = program.nodes[number];
    if (node.kind != SetKind::Interval)
      continue;
    Value at = e.extend(e.extract(queryCoordinates[node.query], 0), e.i64);
    interval[number] = {splat(entry(node.table, at)), splat(entry(node.high, at))};
  }
}

void FunctorEmitter::readKeys() {
  keyCoordinates.clear();
  sets.clear();
  keySegment = e.load(integers, e.advance(keySegments, key, 4));
  for (int32_t c = 0; c < int32_t(program.coordinates.size()); ++c)
    keyCoordinates[c] = e.load(integers, e.advance(keys, e.add(e.multiply(keyStride, index(c)), key), 4));
}

/// |k - q| along a coordinate.
Value FunctorEmitter::distance(int32_t coordinate) {
  Value difference = e.subtract(keyCoordinates[coordinate], queryCoordinates[coordinate]);
  return e.maximum(difference, e.subtract(e.integer(integers, 0), difference));
}

/// Both ends lie in a segment.
Value FunctorEmitter::both(int32_t segment) {
  if (segment < 0)
    return every(true);
  Value number = e.integer(integers, segment);
  return e.bitAnd(e.compare(Compare::Equal, querySegment, number), e.compare(Compare::Equal, keySegment, number));
}

/// The row-major index of a node's coordinates.
Value FunctorEmitter::rowMajor(const SetNode &node, llvm::function_ref<Value(int32_t)> coordinate) {
  Value at = e.integer(integers, 0);
  for (int32_t c : node.coordinates)
    at = e.add(e.multiply(at, splat(extent(c))), coordinate(c));
  return at;
}

Value FunctorEmitter::lookUp(int32_t slot, Value at, Value where) {
  return e.gather(integers, table(slot), at, where, 4);
}

Value FunctorEmitter::set(int32_t number) {
  auto known = sets.find(number);
  if (known != sets.end())
    return known->second;
  Value made = makeSet(program.nodes[number], number);
  return sets[number] = made;
}

Value FunctorEmitter::makeSet(const SetNode &node, int32_t number) {
  auto in = [&](Value segment) { return e.compare(Compare::Equal, segment, e.integer(integers, node.segment)); };
  switch (node.kind) {
  case SetKind::Everything:
    return every(true);
  case SetKind::AnyOf:
  case SetKind::NoneOf: {
    Value any = every(false);
    for (int32_t operand : node.operands)
      any = e.bitOr(any, set(operand));
    return node.kind == SetKind::AnyOf ? any : inverse(any);
  }
  case SetKind::AllOf: {
    Value all = every(true);
    for (int32_t operand : node.operands)
      all = e.bitAnd(all, set(operand));
    return all;
  }
  case SetKind::Keys:
    return in(keySegment);
  case SetKind::Queries:
    return in(querySegment);
  case SetKind::Either:
    return e.bitOr(in(querySegment), in(keySegment));
  case SetKind::Interval:
    return makeInterval(node, number);
  case SetKind::Width:
  case SetKind::Beat:
    return makeDistances(node);
  case SetKind::Where:
    return makeWhere(node);
  case SetKind::Linked:
    return makeLinked(node);
  case SetKind::When: {
    Value flag = e.compare(Compare::NotEqual, entry(node.table, index(0)), e.integer(e.i32, 0));
    return e.bitAnd(splat(flag), set(node.operands[0]));
  }
  }
  return every(false);
}

/// lo[q.x] <= k.y < hi[q.x]
Value FunctorEmitter::makeInterval(const SetNode &node, int32_t number) {
  auto [low, high] = interval[number];
  Value y = keyCoordinates[node.coordinate];
  Value inside = e.bitAnd(e.compare(Compare::GreaterEqual, y, low), e.compare(Compare::Less, y, high));
  if (node.equal >= 0)
    inside = e.bitAnd(inside, e.compare(Compare::Equal, keyCoordinates[node.equal], queryCoordinates[node.equal]));
  return e.bitAnd(inside, both(node.segment));
}

/// |q.y - k.y| <= width[d...], or bits[d...] != 0
Value FunctorEmitter::makeDistances(const SetNode &node) {
  Value where = both(node.segment);
  // Lanes that are not asked for may hold distances past the table.
  Value at = rowMajor(node, [&](int32_t c) { return distance(c); });
  Value found = lookUp(node.table, at, where);
  Value holds = node.kind == SetKind::Width ? e.compare(Compare::LessEqual, distance(node.coordinate), found)
                                            : e.compare(Compare::NotEqual, found, e.integer(integers, 0));
  return e.bitAnd(where, holds);
}

/// relation[q index][k index]
Value FunctorEmitter::makeLinked(const SetNode &node) {
  Value where = both(node.segment), size = e.integer(integers, 1);
  for (int32_t c : node.coordinates)
    size = e.multiply(size, splat(extent(c)));
  Value row = rowMajor(node, [&](int32_t c) { return queryCoordinates[c]; });
  Value column = rowMajor(node, [&](int32_t c) { return keyCoordinates[c]; });
  Value found = lookUp(node.table, e.add(e.multiply(row, size), column), where);
  return e.bitAnd(where, e.compare(Compare::NotEqual, found, e.integer(integers, 0)));
}

Value FunctorEmitter::makeWhere(const SetNode &node) {
  Values stack;
  for (const WhereStep &step : node.where) {
    switch (step.kind) {
    case WhereStep::Number:
      stack.push_back(splat(e.load(e.f64, numbers, step.slot * 8)));
      continue;
    case WhereStep::Query:
      stack.push_back(e.toFloat(queryCoordinates[step.slot], doubles));
      continue;
    case WhereStep::Key:
      stack.push_back(e.toFloat(keyCoordinates[step.slot], doubles));
      continue;
    case WhereStep::Distance:
      stack.push_back(e.toFloat(distance(step.slot), doubles));
      continue;
    case WhereStep::Floor:
    case WhereStep::Ceil:
    case WhereStep::Abs:
    case WhereStep::Sqrt:
    case WhereStep::BitFloor:
      stack.back() = apply(step.kind, stack.back(), Value());
      continue;
    default: {
      Value right = stack.pop_back_val();
      stack.back() = apply(step.kind, stack.back(), right);
    }
    }
  }
  Value holds = e.compare(Compare::NotEqual, stack.back(), e.number(doubles, 0));
  auto among = [&](Value segment, const std::vector<int32_t> &named) {
    for (int32_t number : named)
      holds = e.bitAnd(holds, e.compare(Compare::Equal, segment, e.integer(integers, number)));
  };
  among(querySegment, node.querySegments);
  among(keySegment, node.keySegments);
  return e.bitAnd(holds, both(node.segment));
}

Value FunctorEmitter::apply(WhereStep::Kind kind, Value a, Value b) {
  switch (kind) {
  case WhereStep::Add:
    return e.add(a, b);
  case WhereStep::Subtract:
    return e.subtract(a, b);
  case WhereStep::Multiply:
    return e.multiply(a, b);
  case WhereStep::Divide:
    return e.divide(a, b);
  case WhereStep::Mod:
    return positiveMod(a, b);
  case WhereStep::Min:
    return e.minimum(a, b);
  case WhereStep::Max:
    return e.maximum(a, b);
  case WhereStep::Floor:
    return e.floor(a);
  case WhereStep::Ceil:
    return e.ceil(a);
  case WhereStep::Abs:
    return e.absolute(a);
  case WhereStep::Sqrt:
    return e.squareRoot(a);
  case WhereStep::BitFloor:
    return bitFloor(a);
  case WhereStep::Less:
    return truth(e.compare(Compare::Less, a, b));
  case WhereStep::LessEqual:
    return truth(e.compare(Compare::LessEqual, a, b));
  case WhereStep::Greater:
    return truth(e.compare(Compare::Greater, a, b));
  case WhereStep::GreaterEqual:
    return truth(e.compare(Compare::GreaterEqual, a, b));
  case WhereStep::Equal:
    return truth(e.compare(Compare::Equal, a, b));
  default:
    return truth(e.compare(Compare::NotEqual, a, b));
  }
}

/// The rest of a / |b| in [0, |b|), exact as fmod is: the rest of the true quotient can be represented, and a rounded
/// quotient is off by at most one.
Value FunctorEmitter::positiveMod(Value a, Value b) {
  b = e.absolute(b);
  Value zero = e.number(doubles, 0), one = e.number(doubles, 1);
  auto rest = [&](Value quotient) { return e.fma(e.subtract(zero, quotient), b, a); };
  Value quotient = e.floor(e.divide(a, b)), first = rest(quotient);
  quotient = e.select(e.compare(Compare::Less, first, zero), e.subtract(quotient, one), quotient);
  quotient = e.select(e.compare(Compare::GreaterEqual, first, b), e.add(quotient, one), quotient);
  return rest(quotient);
}

/// The largest power of two up to a; 0 below 1. The fraction's bits, cleared.
Value FunctorEmitter::bitFloor(Value a) {
  Type words = e.vector(functorLanes, e.i64);
  Value cleared = e.bitcast(e.bitAnd(e.bitcast(a, words), e.integer(words, int64_t(0x7ff) << 52)), doubles);
  return e.select(e.compare(Compare::Less, a, e.number(doubles, 1)), e.number(doubles, 0), cleared);
}

} // namespace

mlir::OwningOpRef<mlir::ModuleOp> emitFunctor(mlir::MLIRContext &context, const SetProgram &program) {
  return FunctorEmitter(context, program).emit();
}

} // namespace falloff::cpu
