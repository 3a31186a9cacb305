// SPDX-License-Identifier: Apache-2.0
//
// The meaning of each op, one short definition each. A definition answers for
// the pair at hand, the query `q` and the key `k`: `q(a)` and `k(a)` are their
// places on axis a, `both(a)` says that both lie in a's segment.
#include "compiler/reference/Reference.h"
#include "compiler/reference/Evaluate.h"
#include "compiler/reference/Places.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <functional>

using namespace mlir;
using namespace falloff;
using namespace falloff::mask;

namespace {
/// A set or a number; what it is for a pair is remembered until the next pair.
template <typename T>
struct Known {
  std::function<T()> define;
  uint64_t pair = 0;
  T value = {};
};
using Set = Known<bool>;
using Number = Known<double>;

/// An expression with what its operands stand for.
struct Expression {
  ExprAttr expr;
  std::vector<Number *> numbers;  ///< by operand; null for an axis
  std::vector<const Axis *> axes; ///< by operand; null for a number
};

/// Axis, size, stride and dilation of one factor of a window.
struct Factor {
  const Axis *axis;
  std::function<int64_t()> size, stride, dilation;
  bool isCausal;
};
} // namespace

struct Reference::Impl {
  explicit Impl(PatternOp pattern);

  // The pair at hand.
  int64_t query = 0, key = 0;
  uint64_t pair = 0;
  int64_t q(const Axis &a) const { return a.places[query]; }
  int64_t k(const Axis &a) const { return a.places[key]; }
  bool both(const Axis &a) const { return a.holds(query) && a.holds(key); }

  template <typename T>
  T ask(Known<T> &known) {
    if (known.pair != pair) {
      known.value = known.define();
      known.pair = pair;
    }
    return known.value;
  }
  bool any(llvm::ArrayRef<Set *> sets) {
    return llvm::any_of(sets, [&](Set *set) { return ask(*set); });
  }
  bool all(llvm::ArrayRef<Set *> sets) {
    return llvm::all_of(sets, [&](Set *set) { return ask(*set); });
  }
  void turnTo(int64_t q, int64_t k) {
    assert(q >= 0 && q < axes.tokens() && k >= 0 && k < axes.tokens() && "a token of the domain");
    if (pair && q == query && k == key)
      return;
    query = q, key = k;
    ++pair;
  }

  // What an op's operands are.
  const Axis &axis(Value value) const { return axes.at(value); }
  Set *set(Value value) { return sets.find(value)->second.get(); }
  std::vector<Set *> setsOf(OperandRange values) {
    std::vector<Set *> sets;
    for (Value value : values)
      sets.push_back(set(value));
    return sets;
  }
  std::function<double()> number(Value value, std::optional<int64_t> literal);
  std::function<int64_t()> count(WindowOp::Size size);
  Expression expression(ExprAttr expr, OperandRange args);
  double value(const Expression &expression);
  std::function<bool()> endsLieIn(WhereOp op);

  // Meaning.
  std::function<double()> define(LetOp op);
  std::function<bool()> define(KeysOp op);
  std::function<bool()> define(QueriesOp op);
  std::function<bool()> define(EitherOp op);
  std::function<bool()> define(FirstOp op);
  std::function<bool()> define(WithinOp op);
  std::function<bool()> define(SameOp op);
  std::function<bool()> define(CausalOp op);
  std::function<bool()> define(WindowOp op);
  std::function<bool()> define(LinkedOp op);
  std::function<bool()> define(WhereOp op);
  std::function<bool()> define(AnyOfOp op);
  std::function<bool()> define(AllOfOp op);
  std::function<bool()> define(NoneOfOp op);
  std::function<bool()> define(BoundedOp op);

  Axes axes;
  llvm::DenseMap<Value, std::unique_ptr<Number>> numbers;
  llvm::DenseMap<Value, std::unique_ptr<Set>> sets;
  std::vector<Set *> kept, abouts, limits;
  std::vector<Set *> aboutLimits; ///< null: every pair
};

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

std::function<double()> Reference::Impl::number(Value value, std::optional<int64_t> literal) {
  if (!value)
    return [n = double(*literal)] { return n; };
  return [this, number = numbers.find(value)->second.get()] { return ask(*number); };
}

std::function<int64_t()> Reference::Impl::count(WindowOp::Size size) {
  // Far beyond every extent, sizes differ no more; and they can be added.
  return [n = number(size.value, size.literal)] { return int64_t(std::min(n(), 0x1p40)); };
}

Expression Reference::Impl::expression(ExprAttr expr, OperandRange args) {
  Expression expression{expr, {}, {}};
  for (Value arg : args) {
    bool isAxis = isa<AxisType>(arg.getType());
    expression.axes.push_back(isAxis ? &axis(arg) : nullptr);
    expression.numbers.push_back(isAxis ? nullptr : numbers.find(arg)->second.get());
  }
  return expression;
}

/// NaN where the expression has no value for this pair; `specialise` refuses
/// such patterns.
double Reference::Impl::value(const Expression &expression) {
  const char *error = nullptr;
  return evaluate(
      expression.expr,
      [&](ExprAttr leaf) -> double {
        unsigned i = leaf.getIndex();
        switch (leaf.getKind()) {
        case ExprKind::Operand:
          return ask(*expression.numbers[i]);
        case ExprKind::Extent:
          return expression.axes[i]->extent;
        case ExprKind::Distance:
          return std::abs(k(*expression.axes[i]) - q(*expression.axes[i]));
        case ExprKind::Query:
          return q(*expression.axes[i]);
        case ExprKind::Key:
          return k(*expression.axes[i]);
        default:
          llvm_unreachable("not a leaf");
        }
      },
      error);
}

std::function<double()> Reference::Impl::define(LetOp op) {
  return [this, e = expression(op.getExpr(), op.getArgs())] { return value(e); };
}

//===----------------------------------------------------------------------===//
// Leaves
//===----------------------------------------------------------------------===//

std::function<bool()> Reference::Impl::define(KeysOp op) {
  return [this, &a = axis(op.getAxis())] { return a.holds(key); };
}

std::function<bool()> Reference::Impl::define(QueriesOp op) {
  return [this, &a = axis(op.getAxis())] { return a.holds(query); };
}

std::function<bool()> Reference::Impl::define(EitherOp op) {
  return [this, &a = axis(op.getAxis())] { return a.holds(query) || a.holds(key); };
}

std::function<bool()> Reference::Impl::define(FirstOp op) {
  return [this, &a = axis(op.getAxis()), n = number(op.getCount(), op.getStaticCount())] {
    return both(a) && double(k(a)) < n();
  };
}

std::function<bool()> Reference::Impl::define(WithinOp op) {
  return [this, &a = axis(op.getAxis()), n = number(op.getCount(), op.getStaticCount())] {
    return both(a) && double(std::abs(k(a) - q(a))) <= n();
  };
}

std::function<bool()> Reference::Impl::define(SameOp op) {
  return [this, &a = axis(op.getAxis())] { return both(a) && k(a) == q(a); };
}

std::function<bool()> Reference::Impl::define(CausalOp op) {
  return [this, &a = axis(op.getAxis())] { return both(a) && k(a) <= q(a); };
}

/// Whether place `k` is in the window of place `q`, on an axis of N places,
/// with size K, stride s and dilation d.
static bool isInWindow(int64_t q, int64_t k, int64_t N, int64_t K, int64_t s, int64_t d, bool isCausal) {
  int64_t g = q % d;
  if (k % d != g)
    return false;
  int64_t n = (N - g + d - 1) / d; // places of residue g
  int64_t iq = q / d, ik = k / d;
  if (isCausal) {
    int64_t leader = std::min(iq / s * s + s - 1, n - 1);
    return std::max<int64_t>(leader - K + 1, 0) <= ik && ik <= iq;
  }
  int64_t leader = std::min(iq / s * s + s / 2, n - 1);
  int64_t lo = std::max<int64_t>(std::min(leader - K / 2, n - K), 0);
  return lo <= ik && ik < lo + std::min(K, n);
}

std::function<bool()> Reference::Impl::define(WindowOp op) {
  std::vector<Factor> factors;
  for (unsigned i = 0; i < op.getAxes().size(); ++i)
    factors.push_back({&axis(op.getAxes()[i]), count(op.getSize(i)), count(op.getStride(i)), count(op.getDilation(i)),
                       op.isCausal(i)});
  return [this, factors] {
    return llvm::all_of(factors, [&](const Factor &f) {
      const Axis &a = *f.axis;
      return both(a) && isInWindow(q(a), k(a), a.extent, f.size(), f.stride(), f.dilation(), f.isCausal);
    });
  };
}

std::function<bool()> Reference::Impl::define(LinkedOp op) {
  std::vector<const Axis *> over;
  for (Value value : op.getAxes())
    over.push_back(&axis(value));
  return [this, over, relation = op.getRelation().getDefiningOp<RelationOp>()]() mutable {
    int64_t row = 0, column = 0;
    for (const Axis *a : over) {
      if (!both(*a))
        return false;
      row = row * a->extent + q(*a);
      column = column * a->extent + k(*a);
    }
    return relation.isLinked(row, column);
  };
}

/// Whether the ends that a `where` names lie in their segments.
std::function<bool()> Reference::Impl::endsLieIn(WhereOp op) {
  std::vector<const Axis *> queries, keys;
  NamedEnds ends = namedEnds(op);
  for (Value value : ends.queries)
    queries.push_back(&axis(value));
  for (Value value : ends.keys)
    keys.push_back(&axis(value));
  return [this, queries, keys] {
    return llvm::all_of(queries, [&](const Axis *a) { return a->holds(query); }) &&
           llvm::all_of(keys, [&](const Axis *a) { return a->holds(key); });
  };
}

std::function<bool()> Reference::Impl::define(WhereOp op) {
  return [this, lie = endsLieIn(op), left = expression(op.getLeft(), op.getArgs()),
          right = expression(op.getRight(), op.getArgs()),
          comparison = op.getComparison()] { return lie() && compare(comparison, value(left), value(right)); };
}

//===----------------------------------------------------------------------===//
// Algebra
//===----------------------------------------------------------------------===//

std::function<bool()> Reference::Impl::define(AnyOfOp op) {
  return [this, sets = setsOf(op.getSets())] { return any(sets); };
}

std::function<bool()> Reference::Impl::define(AllOfOp op) {
  return [this, sets = setsOf(op.getSets())] { return all(sets); };
}

std::function<bool()> Reference::Impl::define(NoneOfOp op) {
  return [this, sets = setsOf(op.getSets())] { return !any(sets); };
}

std::function<bool()> Reference::Impl::define(BoundedOp op) {
  return [this, inner = set(op.getInner()), limit = set(op.getLimit())] { return ask(*inner) && ask(*limit); };
}

Reference::Impl::Impl(PatternOp pattern) : axes(pattern) {
  for (Operation &op : pattern.getBody().front()) {
    if (auto let = dyn_cast<LetOp>(op)) {
      numbers[let.getNumber()] = std::make_unique<Number>(Number{define(let)});
      continue;
    }
    if (isa<SplitOp, TableOp, RelationOp, KeepOp>(op))
      continue;
    sets[op.getResult(0)] = std::make_unique<Set>(
        Set{llvm::TypeSwitch<Operation *, std::function<bool()>>(&op)
                .Case<KeysOp, QueriesOp, EitherOp, FirstOp, WithinOp, SameOp, CausalOp, WindowOp, LinkedOp, WhereOp,
                      AnyOfOp, AllOfOp, NoneOfOp, BoundedOp>([&](auto leaf) { return define(leaf); })});
  }
  KeepOp keep = pattern.getKeep();
  kept = setsOf(keep.getSets());
  abouts = setsOf(keep.getAbout());
  limits = setsOf(keep.getLimits());
  for (Value about : keep.getAbout()) {
    auto bounded = about.getDefiningOp<BoundedOp>();
    aboutLimits.push_back(bounded ? set(bounded.getLimit()) : nullptr);
  }
}

//===----------------------------------------------------------------------===//
// Questions
//===----------------------------------------------------------------------===//

Reference::Reference(PatternOp pattern) : impl(std::make_unique<Impl>(pattern)) {}
Reference::Reference(Reference &&) = default;
Reference::~Reference() = default;

int64_t Reference::tokens() const { return impl->axes.tokens(); }

unsigned Reference::abouts() const { return impl->abouts.size(); }

bool Reference::contains(int64_t query, int64_t key) {
  impl->turnTo(query, key);
  return (impl->any(impl->kept) || impl->any(impl->abouts)) && impl->all(impl->limits);
}

bool Reference::keepContains(int64_t query, int64_t key) {
  impl->turnTo(query, key);
  return impl->any(impl->kept) && impl->all(impl->limits);
}

bool Reference::onlyContains(int64_t query, int64_t key) {
  impl->turnTo(query, key);
  return impl->all(impl->limits);
}

bool Reference::aboutContains(unsigned about, int64_t query, int64_t key) {
  impl->turnTo(query, key);
  return impl->ask(*impl->abouts[about]) && impl->all(impl->limits);
}

bool Reference::allowed(unsigned about, int64_t query, int64_t key) {
  impl->turnTo(query, key);
  Set *limit = impl->aboutLimits[about];
  return (!limit || impl->ask(*limit)) && impl->all(impl->limits);
}
