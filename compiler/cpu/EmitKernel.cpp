// SPDX-License-Identifier: Apache-2.0
//
// The attention step: a block of queries meets up to KernelSpec::stepKeys keys.
// Queries go in groups of few rows; for each group
//   scores_<rows>   S = Q K^T, panel by panel of keys, accumulators in registers; of a quantised kernel in whole
//                   numbers, which then take the keys' scales
//   soften          running maximum, P = exp2(scale S - maximum) and its sums (`soften_masked` where bits exclude
//                   pairs)
//   values_<rows>   O += P V, panel by panel of value columns
// A group's Q, S, P and O stay in the first-level cache while K and V stream
// from the second. The maximum moves rarely (KernelSpec::slack), so that
// rescaling O is off the usual path, as in FlashAttention-4.
#include "compiler/cpu/EmitKernel.h"
#include <array>
#include <cstddef>
#include <limits>

namespace falloff::cpu {
namespace {

class KernelEmitter {
public:
  KernelEmitter(mlir::MLIRContext &context, const KernelSpec &spec)
      : e(context), spec(spec), lanes(spec.lanes()), floats(e.vector(lanes, e.f32)), integers(e.vector(lanes, e.i32)),
        scoreStride(KernelSpec::stepKeys * 4), weightStride(KernelSpec::stepKeys * spec.valueBytes()) {}

  mlir::OwningOpRef<mlir::ModuleOp> emit() {
    for (const int64_t *rows = spec.groups(); *rows; ++rows) {
      emitScores(*rows);
      emitValues(*rows);
    }
    emitSoften(/*masked=*/false);
    emitSoften(/*masked=*/true);
    emitStep();
    return e.take();
  }

private:
  Emitter e;
  const KernelSpec spec;
  const int64_t lanes;
  const Type floats, integers;
  const int64_t scoreStride, weightStride; // bytes from row to row

  Value index(int64_t value) { return e.integer(e.i64, value); }
  /// Bytes of one step along the contracted dimension in a panel.
  int64_t panelBytes() const { return spec.panel() * 4; }

  /// What a vector holds of one side of a product.
  Type operands(Product product) const {
    return product == Product::Float  ? floats
           : product == Product::Pair ? e.vector(2 * lanes, e.bf16)
                                      : e.vector(4 * lanes, e.i8);
  }
  /// One row of a panel: two vectors of elements, or of pairs or fours of them.
  std::array<Value, 2> loadPanel(Product product, Value address) {
    return {e.load(operands(product), address), e.load(operands(product), address, lanes * 4)};
  }
  /// One element, or pair or four of elements, in every lane.
  Value loadSplat(Product product, Value address, int64_t offset) {
    if (product == Product::Float)
      return e.splat(e.load(e.f32, address, offset), lanes);
    return e.bitcast(e.splat(e.load(e.i32, address, offset), lanes), operands(product));
  }
  /// `b` is of a panel. Of bytes, it is the unsigned one.
  Value multiplyAdd(Product product, Value a, Value b, Value sum) {
    if (product == Product::Bytes)
      return e.intrinsic("llvm.x86.avx512.vpdpbusd.512", integers, {sum, b, a});
    if (product == Product::Pair)
      return e.intrinsic("llvm.x86.avx512bf16.dpbf16ps.512", floats, {sum, a, b});
    return fma(a, b, sum);
  }
  Value fma(Value a, Value b, Value c) {
    return spec.level == Level::Generic ? e.add(e.multiply(a, b), c) : e.fma(a, b, c);
  }

  /// The loop of both microkernels: sums[row][vector] += a[row] * b[vector]
  /// along `count`.
  Values accumulate(Product product, int64_t rows, Value count, Values sums, Value b,
                    llvm::function_ref<Value(Value, int64_t)> a) {
    return e.loop(index(0), count, 1, sums, [&](Value at, llvm::ArrayRef<Value> now) {
      std::array<Value, 2> right = loadPanel(product, e.advance(b, at, panelBytes()));
      Values next;
      for (int64_t row = 0; row < rows; ++row) {
        Value left = a(at, row);
        for (int64_t vector = 0; vector < 2; ++vector)
          next.push_back(multiplyAdd(product, left, right[vector], now[2 * row + vector]));
      }
      return next;
    });
  }

  /// scores_<rows>(q, k, scores, panels, depth, keyScales, corrections)
  void emitScores(int64_t rows) {
    Type p = e.pointer, i = e.i64;
    Product product = spec.scoreProduct();
    e.function("scores_" + std::to_string(rows), {p, p, p, i, i, p, p}, false, [&](llvm::ArrayRef<Value> arguments) {
      Value q = arguments[0], k = arguments[1], scores = arguments[2], panels = arguments[3], depth = arguments[4];
      Value panelStride = e.multiply(depth, index(panelBytes()));
      e.loop(index(0), panels, 1, {}, [&](Value panel, llvm::ArrayRef<Value>) {
        Value keys = e.advance(k, e.multiply(panel, panelStride), 1);
        Values sums;
        for (int64_t n = 0; n < 2 * rows; ++n)
          sums.push_back(product == Product::Bytes ? e.splat(e.load(e.i32, arguments[6], n / 2 * 4), lanes)
                                                   : e.number(floats, 0));
        sums = accumulate(product, rows, depth, sums, keys, [&](Value at, int64_t row) {
          return loadSplat(product, e.advance(q, at, rows * 4), row * 4);
        });
        if (spec.quantised)
          sums = scaleScores(sums, e.advance(arguments[5], panel, spec.panel() * 4));
        Value out = e.advance(scores, panel, spec.panel() * 4);
        for (int64_t n = 0; n < 2 * rows; ++n)
          e.store(sums[n], out, n / 2 * scoreStride + n % 2 * lanes * 4);
        return Values();
      });
    });
  }

  /// Times the scales of the panel's keys; those of queries come with the softmax.
  Values scaleScores(const Values &sums, Value keyScales) {
    Value scales[] = {e.load(floats, keyScales), e.load(floats, keyScales, lanes * 4)};
    Values scaled;
    for (size_t n = 0; n < sums.size(); ++n) {
      Value score = sums[n].getType() == floats ? sums[n] : e.toFloat(sums[n], floats);
      scaled.push_back(e.multiply(score, scales[n % 2]));
    }
    return scaled;
  }

  /// values_<rows>(weights, v, valueStride, output, outputStride, count,
  /// valuePanels); count is of keys / value unit
  void emitValues(int64_t rows) {
    Type p = e.pointer, i = e.i64;
    e.function("values_" + std::to_string(rows), {p, p, i, p, i, i, i}, false, [&](llvm::ArrayRef<Value> arguments) {
      Value weights = arguments[0], v = arguments[1], valueStride = arguments[2], output = arguments[3];
      Value outputStride = arguments[4], count = arguments[5], valuePanels = arguments[6];
      e.loop(index(0), valuePanels, 1, {}, [&](Value panel, llvm::ArrayRef<Value>) {
        Value values = e.advance(v, e.multiply(panel, valueStride), 1);
        Value out = e.advance(output, e.multiply(panel, outputStride), 1);
        Values sums;
        for (int64_t n = 0; n < 2 * rows; ++n)
          sums.push_back(e.load(floats, out, n * lanes * 4));
        sums = accumulate(spec.valueProduct(), rows, count, sums, values, [&](Value at, int64_t row) {
          return loadSplat(spec.valueProduct(), e.advance(weights, at, 4), row * weightStride);
        });
        for (int64_t n = 0; n < 2 * rows; ++n)
          e.store(sums[n], out, n * lanes * 4);
        return Values();
      });
    });
  }

  /// sum of coefficients[i] f^i
  Value polynomial(Value f, llvm::ArrayRef<double> coefficients) {
    Value sum = e.number(floats, coefficients.back());
    for (double coefficient : llvm::reverse(coefficients.drop_back()))
      sum = fma(sum, f, e.number(floats, coefficient));
    return sum;
  }

  /// 2^x for x <= slack, -inf giving 0 and NaN giving NaN. Minimax polynomials
  /// of the fractional part with p(0) = 1; relative error below 3e-6 where
  /// weights become bf16, else below 1e-7.
  Value exp2(Value x) {
    if (spec.level >= Level::Avx512) { // x - floor(x), and a scale that takes
                                       // the floor by itself
      static const double narrow[] = {1.0, 0.6930448412895203, 0.2412802129983902, 0.0522424690425396,
                                      0.013426687568426132};
      static const double wide[] = {1.0,
                                    0.6931512951850891,
                                    0.24016444385051727,
                                    0.05579991266131401,
                                    0.009017029777169228,
                                    0.001867130515165627};
      Value all = e.integer(e.i16, -1), current = e.integer(e.i32, 4);
      Value f = e.intrinsic("llvm.x86.avx512.mask.reduce.ps.512", floats, {x, e.integer(e.i32, 1), x, all, current});
      Value p = spec.pairs ? polynomial(f, narrow) : polynomial(f, wide);
      return e.intrinsic("llvm.x86.avx512.mask.scalef.ps.512", floats, {p, x, p, all, current});
    }
    // Adding 1.5 * 2^23 rounds to a whole number, which then stands in the low
    // bits; the exponent takes it from there. At -127 the exponent field is 0,
    // so is the product.
    static const double around[] = {
        1.0, 0.6931470036506653, 0.24022242426872253, 0.05550733581185341, 0.009671512991189957, 0.001326472731307149};
    Type integers = e.vector(lanes, e.i32);
    Value magic = e.number(floats, 12582912.0);
    x = e.maximum(e.number(floats, -127), x);
    Value shifted = e.add(x, magic);
    Value f = e.subtract(x, e.subtract(shifted, magic));
    Value bits = e.add(e.bitcast(shifted, integers), e.integer(integers, 127));
    Value power = e.bitcast(e.shiftLeft(bits, e.integer(integers, 23)), floats);
    return e.multiply(polynomial(f, around), power);
  }

  /// Scores of one vector; those whose bit is not set are -inf.
  Value loadScores(Value row, Value bits, Value panel, int64_t vector) {
    Value scores = e.load(floats, e.advance(row, panel, spec.panel() * 4), vector * lanes * 4);
    if (!bits)
      return scores;
    Value mask = e.load(maskWord(), e.advance(bits, panel, spec.panel() / 8), vector * lanes / 8);
    return e.select(e.bitcast(mask, e.vector(lanes, e.i1)), scores,
                    e.number(floats, -std::numeric_limits<double>::infinity()));
  }

  /// soften[_masked](rows, scores, weights, output, outputStride, maxima, sums,
  /// mask, maskStride, panels, valuePanels, scale); of quantised kernels, the
  /// scale of each row
  void emitSoften(bool masked) {
    Type p = e.pointer, i = e.i64, scale = spec.quantised ? p : e.f32;
    e.function(masked ? "soften_masked" : "soften", {i, p, p, p, i, p, p, p, i, i, i, scale}, false,
               [&](llvm::ArrayRef<Value> arguments) {
                 e.loop(index(0), arguments[0], 1, {}, [&](Value row, llvm::ArrayRef<Value>) {
                   softenRow(row, arguments, masked);
                   return Values();
                 });
               });
  }

  void softenRow(Value row, llvm::ArrayRef<Value> arguments, bool masked) {
    Value scores = e.advance(arguments[1], row, scoreStride), weights = e.advance(arguments[2], row, weightStride);
    Value output = e.advance(arguments[3], row, spec.panel() * 4), outputStride = arguments[4];
    Value maxima = e.advance(arguments[5], row, 4), sums = e.advance(arguments[6], row, lanes * 4);
    Value bits = masked ? e.advance(arguments[7], e.multiply(row, arguments[8]), 1) : Value();
    Value panels = arguments[9], valuePanels = arguments[10], scaleOfRow = arguments[11];
    if (spec.quantised)
      scaleOfRow = e.load(e.f32, e.advance(arguments[11], row, 4));
    Value scale = e.splat(scaleOfRow, lanes);

    Value none = e.number(floats, -std::numeric_limits<double>::infinity());
    Values highest = e.loop(index(0), panels, 1, {none, none}, [&](Value panel, llvm::ArrayRef<Value> now) {
      return Values{e.maximum(loadScores(scores, bits, panel, 0), now[0]),
                    e.maximum(loadScores(scores, bits, panel, 1), now[1])};
    });
    Value best = e.maximum(highest[0], highest[1]), maximum = e.load(e.f32, maxima), sum = e.load(floats, sums);
    Value excess = fma(best, scale, e.splat(negate(maximum), lanes));
    Value over = e.bitcast(e.compare(Compare::Greater, excess, e.number(floats, KernelSpec::slack)), maskWord());
    Values moved = e.when(
        e.compare(Compare::NotEqual, over, e.integer(maskWord(), 0)), {e.f32, floats},
        [&] {
          Value raised = e.maximum(e.multiply(e.reduceMaximum(best), scaleOfRow), maximum);
          Value decay = exp2(e.splat(e.subtract(maximum, raised), lanes));
          e.store(raised, maxima);
          e.loop(index(0), valuePanels, 1, {}, [&](Value panel, llvm::ArrayRef<Value>) {
            Value out = e.advance(output, e.multiply(panel, outputStride), 1);
            for (int64_t vector = 0; vector < 2; ++vector)
              e.store(e.multiply(e.load(floats, out, vector * lanes * 4), decay), out, vector * lanes * 4);
            return Values();
          });
          return Values{raised, e.multiply(sum, decay)};
        },
        [&] { return Values{maximum, sum}; });

    Value shift = e.splat(negate(moved[0]), lanes);
    Values total =
        e.loop(index(0), panels, 1, {moved[1], e.number(floats, 0)}, [&](Value panel, llvm::ArrayRef<Value> now) {
          Value low = exp2(fma(loadScores(scores, bits, panel, 0), scale, shift));
          Value high = exp2(fma(loadScores(scores, bits, panel, 1), scale, shift));
          storeWeights(low, high, weights, panel);
          return Values{e.add(now[0], low), e.add(now[1], high)};
        });
    e.store(e.add(total[0], total[1]), sums);
  }

  Type maskWord() const { return lanes == 16 ? e.i16 : e.i8; }
  Value negate(Value x) { return e.subtract(e.number(e.f32, -0.0), x); }

  void storeWeights(Value low, Value high, Value row, Value panel) {
    Value out = e.advance(row, panel, spec.panel() * spec.valueBytes());
    if (spec.pairs) {
      Type narrow = e.vector(2 * lanes, e.bf16);
      e.store(e.intrinsic("llvm.x86.avx512bf16.cvtne2ps2bf16.512", narrow, {high, low}), out);
      return;
    }
    e.store(low, out);
    e.store(high, out, lanes * 4);
  }

  /// A field of StepArguments.
  Value field(Type type, Value arguments, size_t offset) { return e.load(type, arguments, int64_t(offset)); }

  void emitStep() {
    e.function("step", {e.pointer}, true, [&](llvm::ArrayRef<Value> parameters) {
      Value arguments = parameters[0];
      auto pointer = [&](size_t offset) { return field(e.pointer, arguments, offset); };
      auto number = [&](size_t offset) { return field(e.i64, arguments, offset); };
      Block b;
      b.q = pointer(offsetof(StepArguments, q));
      b.k = pointer(offsetof(StepArguments, k));
      b.v = pointer(offsetof(StepArguments, v));
      b.valueStride = number(offsetof(StepArguments, valueStride));
      b.scores = pointer(offsetof(StepArguments, scores));
      b.weights = pointer(offsetof(StepArguments, weights));
      b.output = pointer(offsetof(StepArguments, output));
      b.maxima = pointer(offsetof(StepArguments, maxima));
      b.sums = pointer(offsetof(StepArguments, sums));
      b.mask = pointer(offsetof(StepArguments, mask));
      b.masked = e.compare(Compare::NotEqual, number(offsetof(StepArguments, mask)), index(0));
      b.maskStride = number(offsetof(StepArguments, maskStride));
      b.panels = number(offsetof(StepArguments, panels));
      b.depth = number(offsetof(StepArguments, depth));
      b.valuePanels = number(offsetof(StepArguments, valuePanels));
      b.scale = spec.quantised ? pointer(offsetof(StepArguments, queryScales))
                               : field(e.f32, arguments, offsetof(StepArguments, scale));
      b.keyScales = pointer(offsetof(StepArguments, keyScales));
      b.corrections = pointer(offsetof(StepArguments, corrections));
      Value rows = number(offsetof(StepArguments, rows));
      b.outputStride = e.multiply(rows, index(spec.panel() * 4));
      Value whole = e.divide(rows, index(spec.group())), rest = e.remainder(rows, index(spec.group()));
      e.loop(index(0), whole, 1, {}, [&](Value group, llvm::ArrayRef<Value>) {
        emitGroup(b, e.multiply(group, index(spec.group())), spec.group());
        return Values();
      });
      for (const int64_t *size = spec.groups() + 1; *size; ++size)
        e.when(e.compare(Compare::Equal, rest, index(*size)),
               [&] { emitGroup(b, e.subtract(rows, index(*size)), *size); });
    });
  }

  struct Block {
    Value q, k, v, valueStride, scores, weights, output, outputStride, maxima, sums, mask, masked, maskStride, panels,
        depth, valuePanels, scale, keyScales, corrections;
  };

  /// One group of `rows` queries, the first being row `first` of the block.
  void emitGroup(const Block &b, Value first, int64_t rows) {
    std::string suffix = std::to_string(rows);
    Value q = e.advance(b.q, e.multiply(first, b.depth), 4);
    Value output = e.advance(b.output, first, spec.panel() * 4);
    Value maxima = e.advance(b.maxima, first, 4), sums = e.advance(b.sums, first, lanes * 4);
    e.call("scores_" + suffix, {q, b.k, b.scores, b.panels, b.depth, b.keyScales, e.advance(b.corrections, first, 4)});
    Value scale = spec.quantised ? e.advance(b.scale, first, 4) : b.scale;
    auto soften = [&](const char *name, Value mask) {
      e.call(name, {index(rows), b.scores, b.weights, output, b.outputStride, maxima, sums, mask, b.maskStride,
                    b.panels, b.valuePanels, scale});
      return Values();
    };
    e.when(
        b.masked, {}, [&] { return soften("soften_masked", e.advance(b.mask, e.multiply(first, b.maskStride), 1)); },
        [&] { return soften("soften", b.mask); });
    Value count = e.multiply(b.panels, index(spec.panel() / spec.valueUnit()));
    e.call("values_" + suffix, {b.weights, b.v, b.valueStride, output, b.outputStride, count, b.valuePanels});
  }
};

} // namespace

mlir::OwningOpRef<mlir::ModuleOp> emitKernel(mlir::MLIRContext &context, const KernelSpec &spec) {
  return KernelEmitter(context, spec).emit();
}

} // namespace falloff::cpu
