// SPDX-License-Identifier: Apache-2.0
//
// What a C++ program does that has tensors on a device: of Falloff it includes the public header alone and links
// libfalloff.so, as an installed one is used; memory and streams are its own, of the driver. Results are held against
// softmax attention in float64 over the pairs that the reference interpreter keeps. Nobody has written to outputs
// before, which reading them shows, and the bytes around them and around the workspace stay as they were.
//
// Tolerances, for values within [-1, 1] that bf16 and fp16 hold exactly: weights and outputs are rounded to bf16 (2^-9)
// or fp16 (2^-12) once each, and weights add up to 1. int8 is off by up to 1/254 in each element of q and k: by 0.003
// (standard deviation) in scores of 64 columns, and so in log-sum-exps of few keys. e4m3 rounds weights and values by
// up to 2^-4 each, of which the mean over keys remains.
#include "compiler/Compiler.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <functional>
#include <limits>
#include <random>

using namespace falloff;
using runtime::DType;
using runtime::Tensor;

namespace {

constexpr double bf16Error = 1.0 / 256, fp16Error = 1.0 / 2048, logError = 1e-5;
constexpr double infinity = std::numeric_limits<double>::infinity();

/// Makes the worst error so far that of a number, where it is worse; NaN is worst of all.
void raise(double &worst, double error) { worst = std::isnan(error) ? infinity : std::max(worst, std::abs(error)); }

/// The driver's functions that a program calls, by their names.
class Cuda {
public:
  static const Cuda &get() {
    static Cuda cuda;
    return cuda;
  }
  template <typename... Arguments>
  void operator()(const char *name, Arguments... arguments) const {
    auto *function = reinterpret_cast<int (*)(Arguments...)>(dlsym(handle, name));
    ASSERT_NE(function, nullptr) << name;
    int status = function(arguments...);
    auto *fault = reinterpret_cast<const char *(*)()>(dlsym(handle, "ptxsimLastFault"));
    ASSERT_EQ(status, 0) << name << ": " << fault();
  }
  /// Devices of sm_90, sm_80 and sm_75; that of a number becomes the thread's.
  void use(int device) const { (*this)("cuCtxSetCurrent", contexts[device]); }

private:
  Cuda() {
    setenv("PTXSIM_DEVICES", "3", 1);
    setenv("PTXSIM_ARCHITECTURE", "90,80,75", 1);
    setenv("FALLOFF_CUDA_IMAGE", "ptx", 1); // the simulated device runs no cubins
    handle = dlopen(SIMULATED_DRIVER, RTLD_NOW | RTLD_LOCAL);
    (*this)("cuInit", 0u);
    for (int device : {0, 1, 2})
      (*this)("cuDevicePrimaryCtxRetain", &contexts[device], device);
  }
  void *handle = nullptr;
  void *contexts[3] = {};
};

/// As the CUDA runtime has it: what the README shows is compiled here.
void cudaMalloc(void **data, size_t bytes) {
  uint64_t address = 0;
  if (bytes > 0)
    Cuda::get()("cuMemAlloc_v2", &address, bytes);
  *data = reinterpret_cast<void *>(address);
}

uint64_t addressOf(const void *data) { return reinterpret_cast<uint64_t>(data); }

/// Memory of the current device with bytes around it that nobody may touch.
class Guarded {
public:
  explicit Guarded(size_t bytes, uint8_t fill = 0) : bytes(bytes), whole(guard + bytes + guard, mark) {
    std::memset(whole.data() + guard, fill, bytes);
    cudaMalloc(&start, whole.size());
    write();
  }
  Guarded(const Guarded &) = delete;
  Guarded &operator=(const Guarded &) = delete;
  ~Guarded() {
    read(0, guard);
    read(guard + bytes, guard);
    for (size_t at = 0; at < guard; ++at)
      EXPECT_TRUE(whole[at] == mark && whole[guard + bytes + at] == mark) << "the byte " << at << " around memory";
    Cuda::get()("cuMemFree_v2", addressOf(start));
  }
  void *data() const { return static_cast<char *>(start) + guard; }
  uint8_t *host() { return whole.data() + guard; }
  void write() const { Cuda::get()("cuMemcpyHtoD_v2", addressOf(start), (const void *)whole.data(), whole.size()); }
  void read() { read(guard, bytes); }
  void forget() const { Cuda::get()("ptxsimForget", addressOf(data()), bytes); }

private:
  void read(size_t first, size_t count) {
    if (count)
      Cuda::get()("cuMemcpyDtoH_v2", (void *)(whole.data() + first), addressOf(start) + first, count);
  }
  static constexpr size_t guard = 256; // so that memory begins at a multiple of 256, as a workspace must
  static constexpr uint8_t mark = 0xA5;
  size_t bytes;
  void *start = nullptr;
  std::vector<uint8_t> whole;
};

/// A tensor whose elements lie one behind the other.
struct OnDevice {
  OnDevice(DType dtype, std::array<int64_t, 4> sizes, int device = 0)
      : memory(size_t(sizes[0] * sizes[1] * sizes[2] * sizes[3] * runtime::sizeOf(dtype))) {
    view = {memory.data(), dtype, sizes, {sizes[1] * sizes[2] * sizes[3], sizes[2] * sizes[3], sizes[3], 1}, device};
  }
  int64_t count() const { return view.sizes[0] * view.strides[0]; }
  /// Multiples of 1/128.
  void randomise(std::mt19937 &random) {
    std::uniform_int_distribution<int> numerators(-128, 128);
    for (int64_t at = 0; at < count(); ++at) {
      float value = float(numerators(random)) / 128;
      auto half = _Float16(value);
      std::memcpy(memory.host() + 2 * at, view.dtype == DType::F16 ? (char *)&half : (char *)&value + 2, 2);
    }
    memory.write();
  }
  double at(int64_t a, int64_t b, int64_t c, int64_t d) {
    int64_t at = a * view.strides[0] + b * view.strides[1] + c * view.strides[2] + d;
    _Float16 half;
    float value = 0;
    if (view.dtype == DType::F32)
      std::memcpy(&value, memory.host() + 4 * at, 4);
    else
      std::memcpy(view.dtype == DType::F16 ? (char *)&half : (char *)&value + 2, memory.host() + 2 * at, 2);
    return view.dtype == DType::F16 ? double(half) : double(value);
  }

  Guarded memory;
  Tensor view;
};

struct Shape {
  DType dtype = DType::BF16;
  int64_t batches = 1, heads = 2, keyHeads = 2, dim = 64, valueDim = 64;
};

struct Tensors {
  Tensors(const Shape &s, int64_t tokens, int device = 0)
      : shape(s), tokens(tokens), q(s.dtype, {s.batches, tokens, s.heads, s.dim}, device),
        k(s.dtype, {s.batches, tokens, s.keyHeads, s.dim}, device),
        v(s.dtype, {s.batches, tokens, s.keyHeads, s.valueDim}, device),
        out(s.dtype, {s.batches, tokens, s.heads, s.valueDim}, device),
        lse(DType::F32, {s.batches, s.heads, tokens, 1}, device) {
    std::mt19937 random(5);
    for (OnDevice *tensor : {&q, &k, &v})
      tensor->randomise(random);
    out.memory.forget();
    lse.memory.forget();
  }

  /// Largest differences from float64 of outputs and of log-sum-exps, over the pairs that `kept` says.
  template <typename Kept>
  std::pair<double, double> differences(double scale, const Kept &kept) {
    out.memory.read();
    lse.memory.read();
    std::pair<double, double> worst{0, 0};
    for (int64_t batch = 0; batch < shape.batches; ++batch)
      for (int64_t head = 0; head < shape.heads; ++head)
        for (int64_t query = 0; query < tokens; ++query)
          compare(batch, head, query, scale, kept, worst);
    return worst;
  }

  Shape shape;
  int64_t tokens;
  OnDevice q, k, v, out, lse;

private:
  template <typename Kept>
  void compare(int64_t batch, int64_t head, int64_t query, double scale, const Kept &kept,
               std::pair<double, double> &worst) {
    int64_t keyHead = head / (shape.heads / shape.keyHeads);
    double sum = 0;
    std::vector<double> expected(size_t(shape.valueDim));
    for (int64_t key = 0; key < tokens; ++key) {
      if (!kept(batch, query, key))
        continue;
      double score = 0;
      for (int64_t d = 0; d < shape.dim; ++d)
        score += q.at(batch, query, head, d) * k.at(batch, key, keyHead, d);
      double weight = std::exp(scale * score); // no maximum is needed: scores are small
      sum += weight;
      for (int64_t d = 0; d < shape.valueDim; ++d)
        expected[size_t(d)] += weight * v.at(batch, key, keyHead, d);
    }
    double log = lse.at(batch, head, query, 0);
    EXPECT_EQ(sum == 0, log == -infinity);
    if (sum != 0)
      raise(worst.second, log - std::log(sum));
    for (int64_t d = 0; d < shape.valueDim; ++d) {
      raise(worst.first, out.at(batch, query, head, d) - (sum == 0 ? 0 : expected[size_t(d)] / sum));
    }
  }
};

class CudaCaller : public testing::Test {
protected:
  static void SetUpTestSuite() { Cuda::get(); }
  void SetUp() override { Cuda::get().use(0); }
  void TearDown() override { unsetenv("PTXSIM_MEMORY_BYTES"); }

  static constexpr int64_t text = 11; // of radial, its last tokens
  Mask mask = Pattern::load("radial", {{"decay", 0.3}}, FALLOFF_PATTERNS)
                  .bind({{{"frames", 4}, {"tokens_per_frame", 25}, {"text", text}}, {}, {}});
  Plan plan = planOf(mask);

  static Plan planOf(const Mask &mask) {
    PlanOptions options;
    options.rounding = "exact";
    options.target = cudaTarget(0);
    return mask.plan(options);
  }
};

TEST_F(CudaCaller, AsTheReadmeShowsIt) {
  int64_t tokens = mask.tokens();
  Tensors tensors({DType::BF16, 1, 12, 12, 128, 128}, tokens);
  void *qData = tensors.q.view.data, *stream = nullptr;
  Tensor k = tensors.k.view, v = tensors.v.view, out = tensors.out.view, lse = tensors.lse.view;
  // clang-format off
  runtime::Tensor q{qData, runtime::DType::BF16, {1, tokens, 12, 128}, {tokens * 1536, 1536, 128, 1}, /*device=*/0};
  AttentionOptions options;
  options.stream = stream;                                     // a cudaStream_t
  options.workspaceBytes = prepare(plan, q, k, v, options);    // compiles, and copies the plan
  cudaMalloc(&options.workspace, options.workspaceBytes);
  attention(plan, q, k, v, out, lse, options);                 // queued on the stream: nothing waits
  // clang-format on
  std::vector<uint8_t> pairs = mask.dense();
  auto [ofOut, ofLog] = tensors.differences(std::sqrt(1.0 / 128), [&](int64_t, int64_t query, int64_t key) {
    return pairs[size_t(query * tokens + key)] != 0;
  });
  EXPECT_LE(ofOut, bf16Error);
  EXPECT_LE(ofLog, logError);
  EXPECT_GT(ofOut, 0) << "a kernel that rounds cannot be exact";
}

struct Case {
  friend void PrintTo(const Case &which, std::ostream *to) { *to << which.name; }
  const char *name, *recipe;
  Shape shape;
  std::vector<int64_t> textLengths;
  double ofOut, ofLog; ///< tolerances
};

class CudaCallerCases : public CudaCaller, public testing::WithParamInterface<Case> {};

/// On a stream of the program's, that waits for no other; the scale is not the default.
TEST_P(CudaCallerCases, AgreeWithFloat64) {
  const Case &which = GetParam();
  int64_t tokens = mask.tokens();
  Tensors tensors(which.shape, tokens);
  AttentionOptions options;
  Cuda::get()("cuStreamCreate", &options.stream, 1u);
  options.recipe = which.recipe;
  options.textLengths = which.textLengths;
  options.scale = 0.2f;
  Tensor q = tensors.q.view, k = tensors.k.view, v = tensors.v.view;
  options.workspaceBytes = prepare(plan, q, k, v, options, tensors.out.view);
  EXPECT_EQ(options.workspaceBytes > 0, *which.recipe != 0) << "of no row in pieces";
  Guarded workspace(size_t(options.workspaceBytes), 0xFF); // whatever it holds
  options.workspace = options.workspaceBytes ? workspace.data() : nullptr;
  attention(plan, q, k, v, tensors.out.view, tensors.lse.view, options);
  Cuda::get()("cuStreamSynchronize", options.stream);
  std::vector<uint8_t> pairs = mask.dense();
  auto isThere = [&](int64_t batch, int64_t token) {
    return which.textLengths.empty() || token < tokens - text + which.textLengths[size_t(batch)];
  };
  auto [ofOut, ofLog] = tensors.differences(0.2f, [&](int64_t batch, int64_t query, int64_t key) {
    return isThere(batch, query) && isThere(batch, key) && pairs[size_t(query * tokens + key)];
  });
  EXPECT_LE(ofOut, which.ofOut);
  EXPECT_LE(ofLog, which.ofLog);
  EXPECT_GT(ofOut, 0);
  if (*which.recipe)
    EXPECT_GT(ofLog, logError) << "scores in whole numbers cannot be as near";

  Tensors again(which.shape, tokens); // without log-sum-exps: the same outputs
  attention(plan, q, k, v, again.out.view, {}, options);
  again.out.memory.read();
  EXPECT_EQ(std::memcmp(again.out.memory.host(), tensors.out.memory.host(), size_t(again.out.count() * 2)), 0);
  Cuda::get()("cuStreamDestroy_v2", options.stream);
}

const Case cases[] = {
    {"bf16", "", {DType::BF16, 1, 2, 2, 64, 64}, {}, bf16Error, logError},
    {"fp16OfGroups", "", {DType::F16, 1, 4, 2, 32, 48}, {}, fp16Error, logError},
    {"bf16OfGroupsWithTextLengths", "", {DType::BF16, 2, 4, 1, 40, 40}, {7, 0}, bf16Error, logError},
    {"int8", "int8", {DType::BF16, 1, 2, 1, 64, 64}, {}, 0.01, 0.01},
    {"int8OfFp16WithTextLengths", "int8", {DType::F16, 2, 2, 1, 64, 64}, {11, 4}, 0.01, 0.01},
    {"int8Fp8", "int8-fp8", {DType::BF16, 1, 2, 2, 64, 64}, {}, 0.03, 0.01},
};
INSTANTIATE_TEST_SUITE_P(, CudaCallerCases, testing::ValuesIn(cases), [](const auto &info) { return info.param.name; });

/// Blocks of the caller's own. A row that is much longer than the others is cut in pieces, which takes workspace; one
/// is empty.
TEST_F(CudaCaller, RowsInPieces) {
  constexpr int64_t tokens = 70, rows = 10, columns = 70;
  std::vector<uint8_t> blocks(rows * columns);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      blocks[size_t(row * columns + column)] = row == 0 || (row != 3 && row == column);
  Plan pieces = Plan::fromBlockMask({blocks}, 1, tokens, 7, 1);
  Tensors tensors({DType::BF16, 1, 2, 1, 24, 24}, tokens);
  AttentionOptions options;
  Tensor q = tensors.q.view, k = tensors.k.view, v = tensors.v.view;
  options.workspaceBytes = prepare(pieces, q, k, v, options);
  ASSERT_GT(options.workspaceBytes, 0);
  EXPECT_EQ(prepare(pieces, q, k, v, options), options.workspaceBytes);
  Guarded workspace(size_t(options.workspaceBytes), 0xFF);
  options.workspace = workspace.data();
  attention(pieces, q, k, v, tensors.out.view, tensors.lse.view, options);
  auto [ofOut, ofLog] = tensors.differences(std::sqrt(1.0 / 24), [&](int64_t, int64_t query, int64_t key) {
    return blocks[size_t(query / 7 * columns + key)] != 0;
  });
  EXPECT_LE(ofOut, bf16Error);
  EXPECT_LE(ofLog, logError);
}

//===-- What is wrong is one error, and the next call is right ----------------------------------------------------===//

class CudaCallerErrors : public CudaCaller {
protected:
  /// The words of the error that a call gives whose arguments `change` makes wrong; with "device: " before those of a
  /// DeviceError, "memory: " where it is of memory.
  std::string errorOf(const std::function<void(Tensors &, AttentionOptions &)> &change, int device = 0) {
    Cuda::get().use(device);
    Tensors tensors({}, mask.tokens(), device);
    AttentionOptions options;
    change(tensors, options);
    try {
      attention(plan, tensors.q.view, tensors.k.view, tensors.v.view, tensors.out.view, tensors.lse.view, options);
      return "none";
    } catch (const DeviceError &error) {
      return (error.isOutOfMemory ? "memory: " : "device: ") + error.message;
    } catch (const Error &error) {
      return error.message;
    }
  }
  static void onDevice(Tensors &tensors, int device) {
    for (OnDevice *tensor : {&tensors.q, &tensors.k, &tensors.v, &tensors.out, &tensors.lse})
      tensor->view.device = device;
  }
};

#define EXPECT_HAS(TEXT, PART) EXPECT_PRED2(has, TEXT, std::string(PART))
bool has(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

TEST_F(CudaCallerErrors, OfTensorsAndOptions) {
  EXPECT_EQ(errorOf([](Tensors &, AttentionOptions &) {}), "none");
  EXPECT_HAS(errorOf([](Tensors &t, AttentionOptions &) { t.k.view.device = 1; }),
             "expects k on cuda:0, where q lies, but got cuda:1");
  EXPECT_HAS(errorOf([](Tensors &t, AttentionOptions &) { t.out.view.device = -1; }),
             "expects out on cuda:0, where q lies, but got the CPU");
  EXPECT_HAS(errorOf([](Tensors &t, AttentionOptions &) { t.v.view.dtype = DType::F16; }), "float16");
  EXPECT_HAS(errorOf([](Tensors &t, AttentionOptions &) { t.q.view.dtype = DType::F32; }),
             "expects tensors of float16 or bfloat16 on cuda:0, but got float32");
  EXPECT_HAS(errorOf([](Tensors &t, AttentionOptions &) { t.out.view.data = nullptr; }), "expects an out with memory");
  EXPECT_HAS(errorOf([](Tensors &, AttentionOptions &o) { o.threads = 2; }),
             "expects threads and features for tensors on the CPU alone, but got q on a CUDA device");
  EXPECT_HAS(errorOf([](Tensors &t, AttentionOptions &o) {
               onDevice(t, runtime::hostDevice);
               o.stream = &o;
             }),
             "expects stream and workspace for tensors on a CUDA device alone, but got q on the CPU");
  EXPECT_HAS(errorOf([](Tensors &, AttentionOptions &o) { o.textLengths = {text + 1}; }), "but got 12");
  EXPECT_HAS(errorOf([](Tensors &, AttentionOptions &o) { o.recipe = "int4"; }), "int8, int8-fp8");
}

TEST_F(CudaCallerErrors, OfWorkspaces) {
  Tensors tensors({}, mask.tokens());
  AttentionOptions options;
  options.recipe = "int8";
  int64_t bytes = prepare(plan, tensors.q.view, tensors.k.view, tensors.v.view, options);
  Guarded workspace(size_t(bytes + 256));
  auto errorWith = [&](int64_t offset, int64_t given) {
    return errorOf([&](Tensors &, AttentionOptions &o) {
      o.recipe = "int8";
      o.workspace = static_cast<char *>(workspace.data()) + offset;
      o.workspaceBytes = given;
    });
  };
  std::string expected = "expects a workspace of " + std::to_string(bytes) + " bytes at a multiple of 256, but got ";
  EXPECT_HAS(errorWith(0, bytes - 1), expected + std::to_string(bytes - 1) + " bytes at ");
  EXPECT_HAS(errorWith(8, bytes), expected);
  EXPECT_EQ(errorWith(0, bytes), "none");
  EXPECT_HAS(errorOf([](Tensors &, AttentionOptions &o) { o.recipe = "int8"; }), expected + "0 bytes");
}

TEST_F(CudaCallerErrors, OfDevices) {
  EXPECT_HAS(errorOf([](Tensors &t, AttentionOptions &) { onDevice(t, 2); }),
             "device: expects an NVIDIA device of a compute capability that there are kernels for (8.0, ");
  EXPECT_HAS(errorOf([](Tensors &t, AttentionOptions &) { onDevice(t, 7); }),
             "device: expects one of 3 NVIDIA devices that there are, but got cuda:7");
  EXPECT_HAS(errorOf([](Tensors &, AttentionOptions &o) { o.recipe = "int8-fp8"; }, 1),
             "expects a device of compute capability 8.9 or later for recipe int8-fp8, but got simulated sm_80 of 8.0; "
             "recipe int8 runs there");
  EXPECT_EQ(errorOf([](Tensors &, AttentionOptions &) {}, 1), "none");
}

/// The plan's tables find no room; then they do.
TEST_F(CudaCallerErrors, OfMemory) {
  plan = Plan::fromBlockMask({{1}}, 1, mask.tokens(), 128, 128);
  std::string error = errorOf([](Tensors &, AttentionOptions &) { setenv("PTXSIM_MEMORY_BYTES", "1", 1); });
  EXPECT_EQ(error.find("memory: expects "), 0u) << error;
  EXPECT_HAS(error, "MiB for the plan's tables on cuda:0, but got CUDA_ERROR_OUT_OF_MEMORY");
  unsetenv("PTXSIM_MEMORY_BYTES");
  EXPECT_EQ(errorOf([](Tensors &, AttentionOptions &) {}), "none");
}

} // namespace
