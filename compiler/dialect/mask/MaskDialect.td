// SPDX-License-Identifier: Apache-2.0
//
// The `mask` dialect: what a pattern file is made of. Types and attributes stand in files of their own.
#ifndef FALLOFF_MASK_DIALECT_TD
#define FALLOFF_MASK_DIALECT_TD

include "mlir/IR/OpBase.td"

def Mask_Dialect : Dialect {
  let name = "mask";
  let cppNamespace = "::falloff::mask";
  let summary = "sets of (query, key) pairs";
  let description = [{
    A pattern names the pairs of tokens of which one, the query, attends to the other, the key. It says nothing of tiles,
    precision or machines.

    A *domain* is a list of *segments*, and a segment is a box of named *axes*: `video(%frame: ?, %patch: ?)` holds
    frames × patches tokens, in row-major order. D is the set of all tokens of the domain, and a *set* is a subset of D².
    Below, q is a query token, k a key token, `q.a` the coordinate of q on axis a, and `both(a)` means that q and k lie
    in a's segment. A leaf takes axes and gives a set; algebra takes sets and gives a set; `let` names a number;
    `keep` ends the pattern and says which sets it is made of.

    ```mlir
    mask.pattern @streaming_llm(%first: count = 4, %recent: count = 1024) over (%token: ?) {
      %sinks = first %first of %token
      %last = window [%recent] over %token causal %token
      %past = causal %token
      keep %sinks about %last only %past
    }
    ```

    Inside a pattern, names of ops need no `mask.` before them, and no line needs a type: the place of a value tells it.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    void registerTypes();
    void registerAttributes();
  }];
}

#endif
