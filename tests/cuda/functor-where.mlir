// REQUIRES: python
// RUN: %falloff compile %s:@helpers --extent token=40 --tile 8 --target sm_80 --emit cuda | FileCheck --check-prefix=HELPERS %s
// RUN: %falloff compile %s:@chosen --extent token=40 --tile 8 --set kind=odd --target sm_80 --emit cuda | FileCheck --check-prefix=CHOSEN %s
// RUN: %falloff compile %s:@groups --extent token=40 --tile 8 --target sm_80 --emit cuda | FileCheck --check-prefix=GROUPS %s
//
// Conditions call functions that are written where they are called for, and exact: mod and bit_floor are those of the
// reference to the bit. Words choose sets by a table, so that code does not depend on them; fills are bits.

// HELPERS:      __device__ double larger(double a, double b) { return a > b ? a : b; }
// HELPERS-NOT:  smaller
// HELPERS:      __device__ double rest(double a, double b) {
// HELPERS:        return fma(0.0 - quotient, b, a);
// HELPERS:      __device__ double powerUpTo(double a) {
// HELPERS-NEXT:   return a < 1 ? 0.0 : __longlong_as_double(__double_as_longlong(a) & 0x7ff0000000000000ll);
// HELPERS:      __device__ bool contains(
// HELPERS-NEXT:   const bool where0 = rest(double(q.token), plan.numbers[0]) == plan.numbers[1];
// HELPERS-NEXT:   const bool where1 = powerUpTo(larger(double(k.token) - double(q.token), plan.numbers[2])) <= plan.numbers[3];
// HELPERS-NEXT:   const bool any3 = where0 || where1;
mask.pattern @helpers over (%token: ?) {
  %third = where query(%token) mod 3 == 1
  %ahead = where bit_floor(max(key(%token) - query(%token), 2)) <= 4
  keep %third, %ahead
}

// CHOSEN:      __device__ bool contains(
// CHOSEN:        const bool when{{[0-9]+}} = plan.tables[{{[0-9]+}}][0] != 0 && where{{[0-9]+}};
mask.pattern @chosen(%kind: odd | past) over (%token: ?) {
  %odd  = where (query(%token) + key(%token)) mod 2 == 1
  %past = causal %token
  %one = when %kind is odd, %odd
  %two = when %kind is past, %past
  keep %one, %two
}

// GROUPS:      __device__ bool allowed(const PlanTable &plan, unsigned fills, const FunctorQuery &q, const FunctorKey &k) {
// GROUPS-NEXT:   const bool interval[[PAST:[0-9]+]] = k.token >= q.low[[PAST]] && k.token < q.high[[PAST]];
// GROUPS-NEXT:   return (fills & 1) != 0 && interval[[PAST]];
mask.pattern @groups over (%token: ?) {
  %near = within 5 of %token
  %past = causal %token
  keep about %near only %past
}
