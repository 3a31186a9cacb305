// RUN: falloff-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{expects tiles of at least one token, but got 0x4}}
schedule.plan @empty_tiles box 0x4 rounding "exact" major query for "cpu" {
}

// -----

schedule.plan @no_tiles box 4x4 rounding "exact" major query for "cpu" {
  // expected-error @below {{expects tiles of queries and of keys on a grid 'box'}}
  segment "tokens"(token: 4)
}

// -----

schedule.plan @tiles_of_flat flat 4x4 rounding "exact" major query for "cpu" {
  // expected-error @below {{expects no tiles of its own on a grid 'flat'}}
  segment "tokens"(token: 4) queries 4 from 0 keys 4 from 0
}

// -----

schedule.plan @axes box 4x4 rounding "exact" major query for "cpu" {
  // expected-error @below {{expects a tile with a size for each of 2 axes, but got 1}}
  segment "video"(frame: 4, patch: 4) queries 4 from 0 keys 4 from 0
}

// -----

schedule.plan @missing_row flat 4x4 rounding "exact" major query for "cpu" {
  table heads [0] pairs 0 computed 0 issued 0 lost 0 order [] {
    // expected-error @below {{expects rows in order; row 0 is missing before 1}}
    row 1 :
  }
}

// -----

schedule.plan @order flat 4x4 rounding "exact" major query for "cpu" {
  // expected-error @below {{expects an order of different rows from 0 to 0, but got 1}}
  table heads [0] pairs 0 computed 0 issued 0 lost 0 order [1] {
    row 0 :
  }
}

// -----

schedule.plan @crossing_runs flat 4x4 rounding "exact" major query for "cpu" {
  table heads [0] pairs 0 computed 0 issued 0 lost 0 order [0] {
    // expected-error @below {{expects ascending runs of at least one tile, but got 1 to 3}}
    row 0 : full 0 to 2, partial 1 to 3
  }
}

// -----

schedule.plan @no_group flat 4x4 rounding "exact" major query for "cpu" {
  table heads [0] pairs 0 computed 0 issued 0 lost 0 order [0] {
    // expected-error @below {{expects the groups whose limits fill the tiles, as in limited(0)}}
    row 0 : limited() 0 to 2
  }
}

// -----

schedule.plan @stray flat 4x4 rounding "exact" major query for "cpu" {
  // expected-error @below {{expects to stand elsewhere; a plan holds segments and tables}}
  plan @inner flat 4x4 rounding "exact" major query for "cpu" {
  }
}
