// SPDX-License-Identifier: Apache-2.0
//
// Custom directives of the assembly formats in MaskOps.td and MaskSets.td, and
// the literals that they share. Private to the dialect.
#ifndef FALLOFF_COMPILER_DIALECT_MASK_ASSEMBLY_H
#define FALLOFF_COMPILER_DIALECT_MASK_ASSEMBLY_H

#include "compiler/dialect/mask/Mask.h"
#include "mlir/IR/Diagnostics.h"

namespace falloff::mask {

using Unresolved = mlir::OpAsmParser::UnresolvedOperand;

//===----------------------------------------------------------------------===//
// Literals
//===----------------------------------------------------------------------===//

/// Swallows what the current thread reports while it lives: for looking whether
/// something parses.
class Quiet {
public:
  explicit Quiet(mlir::MLIRContext *context);

private:
  mlir::ScopedDiagnosticHandler handler;
};

/// A number in a pattern: an `i64` without a point, an `f64` with one.
mlir::ParseResult parseNumber(mlir::AsmParser &parser, mlir::TypedAttr &number);
double valueOf(mlir::Attribute number);

/// `[9, 40]` or `[[1, 0], [0, 1]]`: an array of `i64`, or one of `i1`, row by
/// row of a square matrix. `[]` is the former.
mlir::OptionalParseResult parseOptionalBrackets(mlir::AsmParser &parser, mlir::Attribute &literal);

/// The literal as a relation, `[]` included; null if it is none.
mlir::DenseBoolArrayAttr asRelation(mlir::Attribute literal);

/// Rows of a square matrix of so many entries; 0 if there is no such matrix.
size_t sizeOfRelation(size_t links);

/// A literal of any parameter: a number, a table, a relation or a word.
mlir::ParseResult parseLiteral(mlir::AsmParser &parser, mlir::Attribute &literal);
/// The same, or another attribute as MLIR prints it.
void printLiteral(llvm::raw_ostream &os, mlir::Attribute literal);

//===----------------------------------------------------------------------===//
// Directives
//===----------------------------------------------------------------------===//

mlir::ParseResult parseSignature(mlir::OpAsmParser &parser, mlir::ArrayAttr &params, mlir::ArrayAttr &domain,
                                 mlir::DenseI64ArrayAttr &heads, mlir::Region &body);
void printSignature(mlir::OpAsmPrinter &printer, mlir::Operation *, mlir::ArrayAttr params, mlir::ArrayAttr domain,
                    mlir::DenseI64ArrayAttr heads, mlir::Region &body);

mlir::ParseResult parseExpr(mlir::OpAsmParser &parser, ExprAttr &expr, llvm::SmallVectorImpl<Unresolved> &args,
                            llvm::SmallVectorImpl<mlir::Type> &types);
void printExpr(mlir::OpAsmPrinter &printer, mlir::Operation *, ExprAttr expr, mlir::OperandRange args,
               mlir::TypeRange types);

mlir::ParseResult parseCondition(mlir::OpAsmParser &parser, ComparisonAttr &comparison, ExprAttr &left, ExprAttr &right,
                                 llvm::SmallVectorImpl<Unresolved> &args, llvm::SmallVectorImpl<mlir::Type> &types);
void printCondition(mlir::OpAsmPrinter &printer, mlir::Operation *, ComparisonAttr comparison, ExprAttr left,
                    ExprAttr right, mlir::OperandRange args, mlir::TypeRange types);

mlir::ParseResult parseCount(mlir::OpAsmParser &parser, std::optional<Unresolved> &value, mlir::IntegerAttr &literal);
void printCount(mlir::OpAsmPrinter &printer, mlir::Operation *, mlir::Value value, mlir::IntegerAttr literal);

mlir::ParseResult parseCounts(mlir::OpAsmParser &parser, llvm::SmallVectorImpl<Unresolved> &values,
                              mlir::DenseI64ArrayAttr &literals);
void printCounts(mlir::OpAsmPrinter &printer, mlir::Operation *, mlir::OperandRange values,
                 mlir::DenseI64ArrayAttr literals);
mlir::ParseResult parseOptCounts(mlir::OpAsmParser &parser, llvm::SmallVectorImpl<Unresolved> &values,
                                 mlir::DenseI64ArrayAttr &literals);
void printOptCounts(mlir::OpAsmPrinter &printer, mlir::Operation *, mlir::OperandRange values,
                    mlir::DenseI64ArrayAttr literals);

mlir::ParseResult parseWord(mlir::OpAsmParser &parser, mlir::StringAttr &word);
void printWord(mlir::OpAsmPrinter &printer, mlir::Operation *, mlir::StringAttr word);

mlir::ParseResult parseCut(mlir::OpAsmParser &parser, std::optional<Unresolved> &size, mlir::IntegerAttr &literal,
                           std::optional<Unresolved> &table, mlir::DenseI64ArrayAttr &cuts);
void printCut(mlir::OpAsmPrinter &printer, mlir::Operation *, mlir::Value size, mlir::IntegerAttr literal,
              mlir::Value table, mlir::DenseI64ArrayAttr cuts);

mlir::ParseResult parseMatrix(mlir::OpAsmParser &parser, mlir::DenseBoolArrayAttr &links);
void printMatrix(mlir::OpAsmPrinter &printer, mlir::Operation *, mlir::DenseBoolArrayAttr links);

mlir::ParseResult parseActuals(mlir::OpAsmParser &parser, mlir::ArrayAttr &names, mlir::ArrayAttr &literals,
                               llvm::SmallVectorImpl<Unresolved> &params, llvm::SmallVectorImpl<mlir::Type> &types);
void printActuals(mlir::OpAsmPrinter &printer, mlir::Operation *, mlir::ArrayAttr names, mlir::ArrayAttr literals,
                  mlir::OperandRange params, mlir::TypeRange types);

//===----------------------------------------------------------------------===//
// Names of results
//===----------------------------------------------------------------------===//
// The author's names of sets and numbers are worth reading after passes too. MLIR forgets them, so an op's location
// carries them: NameLoc("scene, beat" at file:line:column). Passes hand locations on, and equal ops stay equal.

/// The attribute dictionary, to which is added, until `keepNames`, what the text calls the op's results.
mlir::ParseResult parseAttributes(mlir::OpAsmParser &parser, mlir::NamedAttrList &attributes);
void printAttributes(mlir::OpAsmPrinter &printer, mlir::Operation *op, mlir::DictionaryAttr attributes);

/// Moves the names that `parseAttributes` noted in a body into locations.
void keepNames(mlir::Region &body);

/// Name number `index` in the op's location; empty if there is none.
llvm::StringRef authorsName(mlir::Operation *op, unsigned index);

/// Calls the op's results by their author's names, or else by `fallback`, or else by the op's mnemonic.
void nameResults(mlir::Operation *op, mlir::OpAsmSetValueNameFn setName, llvm::ArrayRef<llvm::StringRef> fallback = {});

} // namespace falloff::mask

#endif
