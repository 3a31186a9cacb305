// SPDX-License-Identifier: Apache-2.0
//
// mma, ldmatrix, stmatrix, movmatrix: operands to what Matrix.h computes.
#include "tests/ptxsim/Matrix.h"

#include "tests/ptxsim/instructions/Address.h"
#include "tests/ptxsim/instructions/Apply.h"

#include <algorithm>

namespace ptxsim {
namespace {

struct Operands {
  uint32_t *d[4];
  const uint32_t *a[4], *b[2], *c[4];
};

Operands gather(Warp &warp, const Instruction &i, int d, int a, int b) {
  Operands out{};
  int next = 0;
  for (int k = 0; k < d; ++k)
    out.d[k] = warp.row(i.rows[next++]);
  for (int k = 0; k < a; ++k)
    out.a[k] = warp.row(i.rows[next++]);
  for (int k = 0; k < b; ++k)
    out.b[k] = warp.row(i.rows[next++]);
  for (int k = 0; k < d; ++k)
    out.c[k] = warp.row(i.rows[next++]);
  return out;
}

Element aElement(const Instruction &i) { return static_cast<Element>(i.option & 15); }
Element bElement(const Instruction &i) { return static_cast<Element>(i.option >> 4); }

/// `count` is k; A has 32-bit registers of half the words.
void multiply(Warp &warp, const Instruction &i) {
  int a = i.count * elementBits(aElement(i)) / 64, d = i.destinations;
  Operands o = gather(warp, i, d, a, a / 2);
  if (i.type == Type::F32)
    mmaF32(aElement(i), bElement(i), i.count, o.d, o.a, o.b, o.c);
  else if (i.type == Type::F16)
    mmaF16(aElement(i), bElement(i), i.count, o.d, o.a, o.b, o.c);
  else
    mmaS32(aElement(i), bElement(i), i.count, o.d, o.a, o.b, o.c, i.immediate != 0);
}

std::optional<Element> takeElement(Suffixes &suffixes) {
  static const std::pair<const char *, Element> known[] = {{"bf16", Element::bf16}, {"f16", Element::f16},
                                                           {"e4m3", Element::e4m3}, {"e5m2", Element::e5m2},
                                                           {"s8", Element::s8},     {"u8", Element::u8}};
  if (suffixes.left().empty())
    return std::nullopt;
  std::string first = suffixes.left().front();
  for (const auto &[name, element] : known)
    if (first == name) {
      suffixes.take(first);
      return element;
    }
  return std::nullopt;
}

void list(Decoder &decoder, Instruction &out, size_t operand, int count, Type type, bool destination) {
  const OperandSyntax &vector = decoder.operand(operand);
  if (vector.kind != OperandSyntax::Kind::Vector || static_cast<int>(vector.parts.size()) != count)
    decoder.syntax("expects a vector of " + std::to_string(count) + " registers as operand " +
                   std::to_string(operand + 1));
  for (const OperandSyntax &part : vector.parts)
    destination ? decoder.destination(out, part, type) : decoder.source(out, part, type);
}

/// The types stand in the order d, a, b, c.
void decodeMultiply(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  if (!suffixes.take("sync") || !suffixes.take("aligned"))
    decoder.unsupported("expects mma.sync.aligned");
  static const int depths[] = {8, 16, 32};
  int shape = suffixes.takeOne({"m16n8k8", "m16n8k16", "m16n8k32"});
  const std::vector<std::string> &left = suffixes.left();
  const bool rowsFirst = std::find(left.begin(), left.end(), "row") < std::find(left.begin(), left.end(), "col");
  if (shape < 0 || !rowsFirst || !suffixes.take("row") || !suffixes.take("col"))
    decoder.unsupported("expects m16n8k8, m16n8k16 or m16n8k32, .row.col");
  const bool isOfFloats8 = suffixes.take("kind::f8f6f4");
  out.immediate = suffixes.take("satfinite");
  std::optional<Type> type = suffixes.left().empty() ? std::nullopt : typeNamed(suffixes.left().front());
  if (!type || (*type != Type::F32 && *type != Type::F16 && *type != Type::S32))
    decoder.unsupported("expects accumulators of f32, f16 or s32");
  suffixes.take(name(*type));
  std::optional<Element> a = takeElement(suffixes), b = takeElement(suffixes);
  if (!a || !b || suffixes.left().size() != 1 || suffixes.left().front() != name(*type))
    decoder.unsupported("expects types of A and B that are known, and C like D");
  suffixes.take(name(*type));
  int k = depths[shape], bits = elementBits(*a);
  bool whole = *a == Element::s8 || *a == Element::u8, half = bits == 16;
  bool fits = elementBits(*b) == bits && whole == (*b == Element::s8 || *b == Element::u8) &&
              whole == (*type == Type::S32) && (!half || *a == *b) && (half ? k <= 16 : k >= 16);
  if ((isOfFloats8 && (whole || half)) || (out.immediate && !whole))
    decoder.unsupported("expects .kind::f8f6f4 of 8-bit floats alone, and .satfinite of integers");
  if (!fits || (*type == Type::F16 && *a == Element::bf16))
    decoder.unsupported("expects a shape and types that mma.sync has");
  out.kind = Kind::Matrix;
  out.collective = true;
  out.execute = multiply;
  out.type = *type;
  out.count = static_cast<uint8_t>(k);
  out.option = static_cast<uint8_t>(static_cast<int>(*a) | static_cast<int>(*b) << 4);
  int aRegisters = k * bits / 64, accumulators = *type == Type::F16 ? 2 : 4;
  Type accumulator = *type == Type::F16 ? Type::B32 : *type;
  list(decoder, out, 0, accumulators, accumulator, true);
  list(decoder, out, 1, aRegisters, Type::B32, false);
  list(decoder, out, 2, aRegisters / 2, Type::B32, false);
  list(decoder, out, 3, accumulators, accumulator, false);
}

// ---- ldmatrix, stmatrix

/// Addresses of the rows, of lanes 0 to 8 count - 1; the others' are not looked at.
LaneAddresses rowAddresses(Warp &warp, const Instruction &i, int operand, uint32_t lanes) {
  LaneAddresses addresses{};
  forLanes(lanes, [&](int lane) {
    Place place = addressOf(warp, i, operand, lane, 16);
    if (place.space != Space::Shared)
      throw Problem{FaultKind::OutOfBounds, "expects the address of shared memory", place.address};
    addresses[lane] = place.address;
  });
  countWavefronts(*warp.counts, addresses, lanes, 16);
  warp.counts->sharedBytes += uint64_t(16) * __builtin_popcount(lanes);
  return addresses;
}

uint32_t rowLanes(int count) { return count == 4 ? allLanes : (1u << (8 * count)) - 1; }

void loadMatrices(Warp &warp, const Instruction &i) {
  uint32_t lanes = rowLanes(i.count);
  LaneAddresses addresses = rowAddresses(warp, i, i.count, lanes);
  MatrixRow rows[32];
  forLanes(lanes, [&](int lane) {
    warp.lane = lane;
    // A row goes to four lanes; one that is not the row's own stands for them.
    uint32_t receiver = warp.thread(lane % 8 * 4 == lane ? lane + 1 : lane % 8 * 4);
    warp.cta.shared.loadFor(addresses[lane], 16, {warp.thread(lane), warp.line()}, receiver, &rows[lane]);
  });
  warp.lane = -1;
  uint32_t *d[4] = {};
  for (int k = 0; k < i.count; ++k)
    d[k] = warp.row(i.rows[k]);
  loadMatrix(i.count, i.option, d, rows);
}

void storeMatrices(Warp &warp, const Instruction &i) {
  uint32_t lanes = rowLanes(i.count);
  LaneAddresses addresses = rowAddresses(warp, i, 0, lanes);
  MatrixRow rows[32];
  const uint32_t *a[4] = {};
  for (int k = 0; k < i.count; ++k)
    a[k] = warp.row(i.rows[1 + k]);
  storeMatrix(i.count, i.option, rows, a);
  forLanes(lanes, [&](int lane) {
    warp.lane = lane;
    warp.cta.shared.store(addresses[lane], 16, {warp.thread(lane), warp.line()}, &rows[lane]);
  });
  warp.lane = -1;
}

template <bool loads>
void decodeRows(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  if (!suffixes.take("sync") || !suffixes.take("aligned") || !suffixes.take("m8n8"))
    decoder.unsupported("expects .sync.aligned.m8n8");
  static const uint8_t counts[] = {1, 2, 4};
  int count = suffixes.takeOne({"x1", "x2", "x4"});
  out.option = suffixes.take("trans");
  bool shared = suffixes.take("shared") || suffixes.take("shared::cta");
  if (count < 0 || !suffixes.take("b16"))
    decoder.unsupported("expects .x1, .x2 or .x4 and .b16");
  out.count = counts[count];
  out.space = shared ? Space::Shared : Space::Generic;
  out.kind = Kind::LoadMatrix;
  out.collective = true;
  out.execute = loads ? loadMatrices : storeMatrices;
  if (!loads)
    decoder.address(out, decoder.operand(0), out.space);
  list(decoder, out, loads ? 0 : 1, out.count, Type::B32, loads);
  if (loads)
    decoder.address(out, decoder.operand(1), out.space);
}

void transpose(Warp &warp, const Instruction &i) { transposeMatrix(warp.row(i.rows[0]), warp.row(i.rows[1])); }

void decodeTranspose(Decoder &decoder, Suffixes &suffixes, Instruction &out) {
  for (const char *suffix : {"sync", "aligned", "m8n8", "trans", "b16"})
    if (!suffixes.take(suffix))
      decoder.unsupported("expects movmatrix.sync.aligned.m8n8.trans.b16");
  out.kind = Kind::LoadMatrix;
  out.collective = true;
  out.execute = transpose;
  decoder.simple(out, Type::B32, 1);
}

} // namespace

void addMatrix(DecodeTable &table) {
  table["mma"] = decodeMultiply;
  table["ldmatrix"] = decodeRows<true>;
  table["stmatrix"] = decodeRows<false>;
  table["movmatrix"] = decodeTranspose;
}

} // namespace ptxsim
