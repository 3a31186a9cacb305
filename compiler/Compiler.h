// SPDX-License-Identifier: Apache-2.0
//
// The one public door of the compiler:
//
//   Pattern pattern = Pattern::load("radial");                     // a name in patterns/, a path, or file.mlir:@name
//   Mask mask = pattern.bind({{{"frames", 21}, {"tokens_per_frame", 1560}}});
//   Plan plan = mask.plan({});
//   attention(plan, arguments);                                    // kernels are compiled once a process
//
// Everything here throws `Error`, or std::bad_alloc where memory of the host ends; nothing of MLIR shows.
#ifndef FALLOFF_COMPILER_COMPILER_H
#define FALLOFF_COMPILER_COMPILER_H

#include "runtime/Plan.h"
#include "runtime/Tensor.h"
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace falloff {

/// What went wrong, and where it stands in a pattern file (line 0: nowhere). `what()` is "file:line:column: message".
class Error : public std::runtime_error {
public:
  Error(std::string message, std::string file = "", int line = 0, int column = 0);
  std::string message, file;
  int line, column;
};

/// A CUDA device, its driver or NVRTC is missing, cannot do what it is asked for, or refuses.
class DeviceError : public Error {
public:
  explicit DeviceError(std::string message, bool isOutOfMemory = false);
  bool isOutOfMemory; ///< the device has too little memory left
};

/// Rows of booleans, for a parameter of kind `relation`.
using Relation = std::vector<std::vector<bool>>;

/// A value of a parameter. Vectors of numbers are a table, or one value a head; vectors of words are one word a head.
using Value = std::variant<double, std::string, std::vector<double>, std::vector<std::string>, Relation>;
using Values = std::vector<std::pair<std::string, Value>>;

/// What a pattern is bound with. Extents go by axis name or by binding name: frames, height, width, tokens_per_frame,
/// text (see the language's README).
struct Sizes {
  std::vector<std::pair<std::string, int64_t>> extents;
  Values parameters;              ///< over those given to `load`
  std::vector<std::string> order; ///< names of all segments; empty: the pattern's
};

struct PlanOptions {
  std::string grid;                 ///< box | flat; empty: box, or flat with radial-reference
  std::string tileQuery, tileKey;   ///< "1x128", "video=2x8x8,text=128", "128" with `flat`; empty: searched
  std::string rounding = "nearest"; ///< exact | outward | nearest | nearest:0.5 | radial-reference
  std::string major = "query";      ///< query | key
  std::string target = "cpu";       ///< cpu, or sm_80 | sm_86 | sm_89 | sm_90 | sm_100 | sm_103 | sm_120
  std::string dtype = "bf16";       ///< bf16 | fp32, of CUDA devices bf16 | fp16; steers the tile search only
  int64_t headDim = 128;            ///< steers the tile search only
};

class Plan;

/// Pairs between each index of a segment's first axis and each of another's: between frames, where those come first.
struct LeadingPairs {
  int64_t queries = 0, keys = 0; ///< indices
  std::vector<int64_t> pairs;    ///< row-major, queries x keys
};

struct ParameterInfo {
  std::string name, kind; ///< kind: "real", "count", "table", "relation", or the words "a | b"
  bool perHead = false;
  std::string value; ///< default or value given; empty if there is none
};

struct EmptyRow {
  int64_t query = -1; ///< first query token without a key; -1: none
  int64_t count = 0;  ///< queries without a key
  int64_t head = 0;   ///< of the first
};

/// A pattern with its sizes: a set of (query, key) pairs for each head.
class Mask {
public:
  const std::string &name() const;
  int64_t tokens() const;
  /// Half-open ranges kept by `slice`; the whole sequence otherwise.
  runtime::TokenRange queries() const, keys() const;
  /// Number of heads that per-head values were given for; 0 where one mask serves any number.
  int64_t heads() const;
  std::string parameters() const; ///< "decay=0.2 sinks=1"
  double density() const;         ///< pairs / (queries x keys), mean over heads
  std::vector<double> densities() const;
  int64_t pairs(int64_t head = 0) const;
  /// By the reference interpreter; throws if q or k is out of range.
  bool contains(int64_t query, int64_t key, int64_t head = 0) const;
  /// By the reference interpreter, row-major queries x keys of 0 and 1; for masks of up to 2^28 pairs.
  std::vector<uint8_t> dense(int64_t head = 0) const;
  /// By the reference interpreter, row-major: 1 where queries[i] sees keys[j]. Pictures of large masks read this.
  std::vector<uint8_t> sample(const std::vector<int64_t> &queries, const std::vector<int64_t> &keys,
                              int64_t head = 0) const;
  EmptyRow emptyRow() const;
  /// Of two segments, by number in bound order, of several axes each; of a whole mask only.
  LeadingPairs leadingPairs(int64_t querySegment, int64_t keySegment, int64_t head = 0) const;
  Mask slice(runtime::TokenRange queries, runtime::TokenRange keys) const;
  Plan plan(const PlanOptions &options) const;
  /// IR after a stage: "linked", "specialised", "mask" (simplified), "schedule".
  std::string print(const std::string &stage, const PlanOptions &options = {}) const;

  struct Impl;
  explicit Mask(std::shared_ptr<const Impl> impl) : impl(std::move(impl)) {}
  std::shared_ptr<const Impl> impl;
};

/// A parsed, verified and linked pattern.
class Pattern {
public:
  /// Looks for a name in `library`, a path, or "file.mlir:@name". `parameters` replace defaults.
  static Pattern load(const std::string &nameOrPath, const Values &parameters, const std::string &library);
  const std::string &name() const;
  std::vector<ParameterInfo> parameters() const;
  std::vector<runtime::Segment> segments() const; ///< extents -1 where they are to be bound
  Mask bind(const Sizes &sizes) const;

  struct Impl;
  explicit Pattern(std::shared_ptr<const Impl> impl) : impl(std::move(impl)) {}
  std::shared_ptr<const Impl> impl;
};

/// A schedule, ready for kernels. One of radial-reference runs where its tiles cover every token.
class Plan {
public:
  const runtime::Plan &data() const;
  /// Row-major queries x keys of 0 and 1: the pairs this plan computes.
  std::vector<uint8_t> dense(int64_t head = 0, int64_t batch = 0) const;
  /// The plan of one head, for tensors that hold that head alone.
  Plan ofHead(int64_t head) const;
  /// Pairs in the mask and pairs computed of query tiles [first, last) and all key tiles, row-major, the two numbers of
  /// a pair of tiles beside each other. For query-major plans of whole masks.
  std::vector<int64_t> tilePairs(int64_t first, int64_t last, int64_t head = 0, int64_t batch = 0) const;
  /// The sets that tested tiles ask about, as JSON with the keys of compiler/passes/SetProgram.h, and the tables that
  /// they read, an entry for each of the plan's tables. Throws for blocks of the user's own, which ask nothing.
  std::string program() const;
  std::vector<runtime::MaskData> programData() const;
  /// As of a mask, but of the pairs that this plan computes.
  LeadingPairs leadingPairs(int64_t querySegment, int64_t keySegment, int64_t head = 0) const;
  /// Tiles of the user's own: `blocks` row-major query tiles x key tiles, a matrix for each of `batches` x heads, or
  /// one for all. Each kept tile is full; tokens past the end are in no pair.
  static Plan fromBlockMask(const std::vector<std::vector<uint8_t>> &blocks, int64_t batches, int64_t tokens,
                            int64_t queryTile, int64_t keyTile);

  struct Impl;
  explicit Plan(std::shared_ptr<const Impl> impl) : impl(std::move(impl)) {}
  std::shared_ptr<const Impl> impl;
};

struct AttentionOptions {
  std::optional<float> scale;       ///< default 1/sqrt(head dimension)
  std::vector<int64_t> textLengths; ///< per batch entry, for the segment with axis `token`; empty: whole
  std::string recipe;               ///< empty (q k^T in the tensors' type), "int8" or "int8-fp8" (runtime/Recipe.h)
  // On the CPU alone.
  int threads = 0;      ///< 0: all processors this process may use
  std::string features; ///< "native" or empty, "avx512vnni", "avx512", "avx2", "generic"
  // On CUDA devices alone.
  void *stream = nullptr;     ///< a CUstream, which is a cudaStream_t; null: the device's default stream
  void *workspace = nullptr;  ///< on the tensors' device, at a multiple of 256 bytes; calls on one stream may share it
  int64_t workspaceBytes = 0; ///< what `prepare` returns, or more
};

/// out = softmax(scale q k^T, over the plan's pairs) v. All tensors are views in (batch, tokens, heads, dim) order of
/// any strides; `lse` is float32 (batch, heads, queries) or empty. Query head h reads key head h / (heads / key heads).
/// Types: float32 or bfloat16 on the CPU; float16 or bfloat16 on a CUDA device.
///
/// On a CUDA device the work is queued on the stream, and nothing is waited for or allocated, but by a first call that
/// `prepare` did not come before.
void attention(const Plan &plan, const runtime::Tensor &q, const runtime::Tensor &k, const runtime::Tensor &v,
               const runtime::Tensor &out, const runtime::Tensor &lse, const AttentionOptions &options);

/// Compiles the kernels that `attention` would run over such tensors, and uploads the plan where they lie on a CUDA
/// device; reads no element of them. An `out` without data stands for one whose rows lie one behind the other. Returns
/// the bytes of workspace that `attention` takes: 0 on the CPU. Cheap where all is there.
int64_t prepare(const Plan &plan, const runtime::Tensor &q, const runtime::Tensor &k, const runtime::Tensor &v,
                const AttentionOptions &options, const runtime::Tensor &out = {});

/// What PlanOptions::target calls a CUDA device: "sm_90".
std::string cudaTarget(int device);

/// Whether a stream of a CUDA device is captured for a graph: nothing may wait for it then.
bool isCapturing(int device, void *stream);

/// The kernels that `attention` would run, at any head dimension: stage "mlir", "llvm" or "asm".
std::string printKernel(const Plan &plan, const std::string &dtype, const std::string &stage,
                        const std::string &features, const std::string &recipe = "");

/// What a kernel of CUDA devices is compiled for.
struct CudaKernelOptions {
  std::string target = "sm_90"; ///< sm_80 | sm_86 | sm_89 | sm_90 | sm_100 | sm_103 | sm_120
  std::string dtype = "bf16";   ///< bf16 | fp16
  std::string recipe;           ///< empty, "int8", or from sm_89 on "int8-fp8"
  int64_t headDim = 128;        ///< of q, k and v
  bool aligned = true; ///< rows of tensors begin on 16 bytes, elements are neighbours; counts for multiples of 8
};

/// A kernel of CUDA devices, and what its compiler says of it.
struct CudaKernel {
  struct Entry {
    std::string name;
    int registers = 0; ///< of a thread
    int stackBytes = 0, spillStoreBytes = 0, spillLoadBytes = 0;
    int sharedBytes = 0; ///< static; `sharedBytes` of the kernel is what `falloff_attention` asks for besides
  };
  std::string source; ///< CUDA C++
  std::string image;  ///< cubin, or PTX
  std::string log, nvrtcVersion;
  double seconds = 0; ///< in NVRTC
  int queryBlock = 0, keyBlock = 0;
  int headDim = 0; ///< padded
  int threads = 0, stages = 0, residentBlocks = 0, sharedBytes = 0;
  std::vector<Entry> entries; ///< none for PTX
};

/// The source of the kernel that `attention` runs on a device of the target.
std::string printCudaKernel(const Plan &plan, const CudaKernelOptions &options);

/// The same compiled to a cubin or to PTX, past every cache; needs NVRTC, but no device.
CudaKernel compileCuda(const Plan &plan, const CudaKernelOptions &options, bool toPtx);

/// A processor's name and the vector features kernels are compiled for.
std::string describeTarget(const std::string &features);

/// What kernels are compiled with, and the processor that they are compiled for.
struct Toolchain {
  std::string llvm;                  ///< version
  std::string processor;             ///< LLVM's name of it
  std::string level;                 ///< vector instructions that kernels take: generic | avx2 | avx512 | avx512bf16
  std::vector<std::string> features; ///< vector instructions that it has, as LLVM names them, sorted
};
Toolchain toolchain();

} // namespace falloff

#endif
