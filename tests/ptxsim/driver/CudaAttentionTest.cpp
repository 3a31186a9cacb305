// SPDX-License-Identifier: Apache-2.0
//
// Patterns to outputs on simulated devices: bound, planned, compiled by NVRTC to PTX, copied, launched, and held
// against softmax attention in float64 over the pairs that the plan computes. The larger part of such tests is in
// tests/python; here is what C++ callers do: the door with streams, workspaces and graphs, and plans with split rows
// made by hand.
//
// Tolerance, for values within [-1, 1]: weights and outputs are rounded to bf16 (2^-9) or fp16 (2^-12) each once, and
// weights add up to 1.
#include "compiler/Compiler.h"
#include "compiler/cuda/Attention.h"
#include "compiler/cuda/EmitSource.h"
#include "compiler/cuda/KernelCache.h"
#include "compiler/cuda/KernelTable.h"
#include "runtime/DiskCache.h"
#include "runtime/cuda/Nvrtc.h"
#include "tests/ptxsim/driver/LoadedDriver.h"
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

using namespace falloff;
using runtime::DType;
using runtime::Tensor;
using test::LoadedDriver;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Makes the worst error so far that of a number, where it is worse; NaN is worst of all.
void raise(double &worst, double error) { worst = std::isnan(error) ? infinity : std::max(worst, std::abs(error)); }

uint16_t toHalf(float value, DType dtype) {
  if (dtype == DType::F16) {
    auto half = _Float16(value);
    uint16_t bits;
    std::memcpy(&bits, &half, 2);
    return bits;
  }
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float fromHalf(uint16_t bits, DType dtype) {
  if (dtype == DType::F16) {
    _Float16 half;
    std::memcpy(&half, &bits, 2);
    return float(half);
  }
  uint32_t word = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &word, 4);
  return value;
}

/// A tensor on a device with its values here, too. Dimensions lie in `order`, outermost first.
class OnDevice {
public:
  OnDevice(cuda::Device &device, DType dtype, std::array<int64_t, 4> sizes, std::array<int, 4> order = {0, 1, 2, 3})
      : device(device) {
    tensor.dtype = dtype;
    tensor.sizes = sizes;
    tensor.device = device.ordinal();
    count = 1;
    for (int at = 3; at >= 0; --at) {
      tensor.strides[size_t(order[size_t(at)])] = count;
      count *= sizes[size_t(order[size_t(at)])];
    }
    buffer = device.allocate(size_t(count * runtime::sizeOf(dtype)), "a tensor");
    tensor.data = reinterpret_cast<void *>(buffer.address());
  }
  OnDevice &randomise(std::mt19937 &random) {
    std::uniform_real_distribution<float> uniform(-1, 1);
    std::vector<uint16_t> bits;
    for (int64_t i = 0; i < count; ++i)
      bits.push_back(toHalf(uniform(random), tensor.dtype));
    LoadedDriver::get().write(device, buffer.address(), bits.data(), bits.size() * 2);
    return *this;
  }
  /// Values as the device has them; an element that nobody wrote is a failure.
  void read() {
    values.resize(size_t(count));
    if (tensor.dtype == DType::F32)
      return LoadedDriver::get().read(device, values.data(), buffer.address(), values.size() * 4);
    std::vector<uint16_t> bits(values.size());
    LoadedDriver::get().read(device, bits.data(), buffer.address(), bits.size() * 2);
    for (size_t i = 0; i < bits.size(); ++i)
      values[i] = fromHalf(bits[i], tensor.dtype);
  }
  void forget() {
    LoadedDriver::get().check(
        LoadedDriver::get().call<int(uint64_t, size_t)>("ptxsimForget", buffer.address(), buffer.size()));
  }
  double at(int64_t a, int64_t b, int64_t c, int64_t d) const {
    const auto &strides = tensor.strides;
    return double(values[size_t(a * strides[0] + b * strides[1] + c * strides[2] + d * strides[3])]);
  }

  Tensor tensor;

private:
  cuda::Device &device;
  cuda::DeviceBuffer buffer;
  int64_t count;
  std::vector<float> values;
};

struct Shape {
  int64_t batches = 1, tokens = 0, heads = 2, keyHeads = 1, dim = 64, valueDim = 64;
  DType dtype = DType::BF16;
  std::array<int, 4> order = {0, 1, 2, 3};
};

struct Call {
  Call(cuda::Device &device, const Shape &s)
      : q(device, s.dtype, {s.batches, s.tokens, s.heads, s.dim}, s.order),
        k(device, s.dtype, {s.batches, s.tokens, s.keyHeads, s.dim}, s.order),
        v(device, s.dtype, {s.batches, s.tokens, s.keyHeads, s.valueDim}, s.order),
        out(device, s.dtype, {s.batches, s.tokens, s.heads, s.valueDim}, s.order),
        lse(device, DType::F32, {s.batches, s.heads, s.tokens, 1}), device(device), shape(s) {
    std::mt19937 random(11);
    for (OnDevice *tensor : {&q, &k, &v})
      tensor->randomise(random);
  }

  /// Largest differences from float64 of outputs and of log-sum-exps, over the pairs that `kept` says.
  template <typename Kept>
  std::pair<double, double> differences(double scale, const Kept &kept) {
    for (OnDevice *tensor : {&q, &k, &v, &out, &lse})
      tensor->read();
    std::pair<double, double> worst{0, 0};
    for (int64_t batch = 0; batch < shape.batches; ++batch)
      for (int64_t head = 0; head < shape.heads; ++head)
        for (int64_t query = 0; query < shape.tokens; ++query)
          compare(batch, head, query, scale, kept, worst);
    return worst;
  }

  OnDevice q, k, v, out, lse;
  cuda::Device &device;
  Shape shape;

private:
  template <typename Kept>
  void compare(int64_t batch, int64_t head, int64_t query, double scale, const Kept &kept,
               std::pair<double, double> &worst) const {
    int64_t keyHead = head / (shape.heads / shape.keyHeads);
    double sum = 0;
    std::vector<double> expected(size_t(shape.valueDim));
    for (int64_t key = 0; key < shape.tokens; ++key) {
      if (!kept(batch, head, query, key))
        continue;
      double score = 0;
      for (int64_t d = 0; d < shape.dim; ++d)
        score += q.at(batch, query, head, d) * k.at(batch, key, keyHead, d);
      double weight = std::exp(scale * score); // values are small: no maximum is needed in float64
      sum += weight;
      for (int64_t d = 0; d < shape.valueDim; ++d)
        expected[size_t(d)] += weight * v.at(batch, key, keyHead, d);
    }
    double log = lse.at(batch, head, query, 0);
    if (sum == 0)
      EXPECT_EQ(log, -infinity);
    else
      raise(worst.second, log - std::log(sum));
    for (int64_t d = 0; d < shape.valueDim; ++d) {
      double got = out.at(batch, query, head, d);
      raise(worst.first, sum == 0 ? got : got - expected[size_t(d)] / sum);
    }
  }
};

class CudaAttention : public testing::Test {
protected:
  static void SetUpTestSuite() {
    LoadedDriver::get();
    setenv("FALLOFF_CUDA_IMAGE", "ptx", 1);
  }
  void SetUp() override { LoadedDriver::get().reset(); }

  cuda::Device &device = cuda::Device::get(0);
};

PlanOptions tiles(const std::string &query, const std::string &key) {
  PlanOptions options;
  options.rounding = "exact";
  options.tileQuery = query;
  options.tileKey = key;
  return options;
}

Mask radial() {
  return Pattern::load("radial", {{"decay", 0.3}}, FALLOFF_PATTERNS)
      .bind({{{"frames", 4}, {"tokens_per_frame", 37}, {"text", 11}}, {}, {}});
}

TEST_F(CudaAttention, APatternWithTextLengths) {
  Mask mask = radial();
  Plan plan = mask.plan(tiles("video=1x32,text=16", "video=1x32,text=16"));
  std::vector<uint8_t> pairs = plan.dense();
  Shape shape;
  shape.batches = 2;
  shape.tokens = mask.tokens();
  Call call(device, shape);
  AttentionOptions options;
  options.textLengths = {5, 0};
  options.workspaceBytes = prepare(plan, call.q.tensor, call.k.tensor, call.v.tensor, options);
  cuda::DeviceBuffer workspace = device.allocate(size_t(options.workspaceBytes), "the workspace");
  options.workspace = reinterpret_cast<void *>(workspace.address());
  attention(plan, call.q.tensor, call.k.tensor, call.v.tensor, call.out.tensor, call.lse.tensor, options);
  int64_t text = mask.tokens() - 11; // radial's text comes last
  auto present = [&](int64_t batch, int64_t token) { return token < text + options.textLengths[size_t(batch)]; };
  auto [out, lse] = call.differences(0.125, [&](int64_t batch, int64_t, int64_t query, int64_t key) {
    return present(batch, query) && present(batch, key) && pairs[size_t(query * shape.tokens + key)];
  });
  EXPECT_LE(out, 0.006);
  EXPECT_LE(lse, 1e-4);
  EXPECT_GT(out, 0) << "a kernel that rounds cannot be exact";
}

TEST_F(CudaAttention, Float16OfOddStridesOnAnotherDevice) {
  cuda::Device &other = cuda::Device::get(1);
  Mask mask = radial();
  Plan plan = mask.plan(tiles("video=1x37,text=11", "video=2x37,text=11"));
  std::vector<uint8_t> pairs = plan.dense();
  Shape shape;
  shape.tokens = mask.tokens();
  shape.heads = shape.keyHeads = 1;
  shape.dim = 41;
  shape.valueDim = 23;
  shape.dtype = DType::F16;
  shape.order = {3, 0, 2, 1}; // elements of a row lie far from each other
  Call call(other, shape);
  AttentionOptions options;
  options.scale = -0.3f;
  LoadedDriver::Stream stream(other);
  options.stream = stream.handle;
  options.workspaceBytes = prepare(plan, call.q.tensor, call.k.tensor, call.v.tensor, options);
  EXPECT_EQ(options.workspaceBytes, 0);
  attention(plan, call.q.tensor, call.k.tensor, call.v.tensor, call.out.tensor, call.lse.tensor, options);
  auto [out, lse] = call.differences(-0.3, [&](int64_t, int64_t, int64_t query, int64_t key) {
    return pairs[size_t(query * shape.tokens + key)] != 0;
  });
  EXPECT_LE(out, 0.001);
  EXPECT_LE(lse, 1e-4);
}

/// Blocks of the caller's own, all full, with the longest row in pieces: 11 tiles of 32 keys, queries in tiles of 64.
std::shared_ptr<const runtime::Plan> splitPlan() {
  std::vector<uint8_t> blocks(6 * 11, 1);
  for (size_t column = 0; column < 11; ++column) {
    blocks[1 * 11 + column] = column % 3 == 0;
    blocks[2 * 11 + column] = 0; // an empty row
  }
  auto plan = std::make_shared<runtime::Plan>(Plan::fromBlockMask({blocks}, 1, 350, 64, 32).data());
  plan->tables[0].splits = {{0, {3, 8}}, {2, {5}}, {5, {1}}};
  return plan;
}

TEST_F(CudaAttention, SplitRowsAndGraphs) {
  std::shared_ptr<const runtime::Plan> plan = splitPlan();
  Shape shape;
  shape.tokens = 350;
  Call call(device, shape);
  LoadedDriver::Stream stream(device);
  cuda::Options options;
  options.stream = stream.handle;
  cuda::AttentionTensors tensors{call.q.tensor, call.k.tensor, call.v.tensor, call.out.tensor, call.lse.tensor};
  options.workspaceBytes = cuda::prepare({plan, nullptr}, tensors, options);
  EXPECT_GT(options.workspaceBytes, 0);
  cuda::DeviceBuffer workspace = device.allocate(size_t(options.workspaceBytes), "the workspace");
  options.workspace = reinterpret_cast<void *>(workspace.address());
  stream.beginCapture();
  cuda::attention({plan, nullptr}, tensors, options);
  void *graph = stream.endCapture();
  ASSERT_NE(graph, nullptr) << "a launch that allocates or waits spoils the capture";
  for (int times = 0; times < 2; ++times) {
    call.out.forget();
    call.lse.forget();
    stream.launchGraph(graph);
    auto [out, lse] = call.differences(0.125, [&](int64_t, int64_t, int64_t query, int64_t key) {
      return query / 64 != 2 && (query / 64 != 1 || key / 32 % 3 == 0);
    });
    EXPECT_LE(out, 0.006);
    EXPECT_LE(lse, 1e-4);
  }
  EXPECT_EQ(LoadedDriver::get().launches("falloff_merge"), 2);
}

TEST_F(CudaAttention, QuantisedRecipes) {
  std::shared_ptr<const runtime::Plan> plan = splitPlan();
  Shape shape;
  shape.tokens = 350;
  for (auto [recipe, most] : {std::pair<const char *, double>{"int8", 0.02}, {"int8-fp8", 0.06}}) {
    Call call(device, shape);
    cuda::Options options;
    options.recipe = recipe;
    cuda::AttentionTensors tensors{call.q.tensor, call.k.tensor, call.v.tensor, call.out.tensor, call.lse.tensor};
    options.workspaceBytes = cuda::prepare({plan, nullptr}, tensors, options);
    cuda::DeviceBuffer workspace = device.allocate(size_t(options.workspaceBytes), "the workspace");
    options.workspace = reinterpret_cast<void *>(workspace.address());
    cuda::attention({plan, nullptr}, tensors, options);
    auto [out, lse] = call.differences(0.125, [&](int64_t, int64_t, int64_t query, int64_t key) {
      return query / 64 != 2 && (query / 64 != 1 || key / 32 % 3 == 0);
    });
    EXPECT_LE(out, most) << recipe;
    EXPECT_LE(lse, 0.02) << recipe;
    EXPECT_GT(out, 0);
  }
}

/// Of a generation that no cubin is for.
TEST_F(CudaAttention, ADeviceNewerThanAllKernelsTakesPtx) {
  std::shared_ptr<const runtime::Plan> plan = splitPlan();
  cuda::Device &newer = cuda::Device::get(3);
  EXPECT_FALSE(newer.runsCubins());
  Shape shape;
  shape.tokens = 350;
  Call call(newer, shape);
  setenv("FALLOFF_CUDA_IMAGE", "cubin", 1);
  cuda::Options options;
  cuda::AttentionTensors tensors{call.q.tensor, call.k.tensor, call.v.tensor, call.out.tensor, call.lse.tensor};
  options.workspaceBytes = cuda::prepare({plan, nullptr}, tensors, options);
  setenv("FALLOFF_CUDA_IMAGE", "ptx", 1);
  cuda::DeviceBuffer workspace = newer.allocate(size_t(options.workspaceBytes), "the workspace");
  options.workspace = reinterpret_cast<void *>(workspace.address());
  cuda::attention({plan, nullptr}, tensors, options);
  call.out.read(); // all of it was written
}

/// What a call looks up goes with the plan, and no later plan is taken for it.
TEST_F(CudaAttention, CallsLetGoOfPlansThatAreGone) {
  Shape shape;
  shape.tokens = 350;
  Call call(device, shape);
  cuda::AttentionTensors tensors{call.q.tensor, call.k.tensor, call.v.tensor, call.out.tensor, call.lse.tensor};
  int64_t before = 0;
  for (int i = 0; i < 4; ++i) {
    std::shared_ptr<const runtime::Plan> plan = splitPlan();
    cuda::prepare({plan, nullptr}, tensors, {});
    cuda::prepare({plan, nullptr}, tensors, {});
    if (i == 1)
      before = LoadedDriver::get().allocations();
  }
  EXPECT_EQ(LoadedDriver::get().allocations(), before);
}

/// An entry of the cache on disk that is whole by its checksum, and that the driver refuses.
TEST_F(CudaAttention, ADamagedEntryOfTheCacheIsCompiledAnew) {
  std::shared_ptr<const runtime::Plan> plan = splitPlan();
  cuda::KernelRequest request;
  request.architecture = device.architecture();
  request.headDim = request.valueDim = 96; // no other test's
  request.queryCapacity = 64;
  request.keyCapacity = 32;
  cuda::KernelSpec spec;
  spec.shape = cuda::kernelShape(request);
  spec.architecture = request.architecture;
  std::string key = cuda::kernelKey(spec, cuda::emitSource(spec.shape, nullptr), true, cuda::Nvrtc::shared().version());
  std::shared_ptr<runtime::DiskCache> disk = runtime::DiskCache::shared();
  ASSERT_NE(disk, nullptr);
  cuda::KernelImage damaged{spec.shape, spec.architecture, true, ".version 9.0\n.target sm_90\nno code", ""};
  ASSERT_TRUE(disk->store(runtime::EntryKind::Kernel, key, cuda::writeImage(damaged), {"", ".cu"}));

  Shape shape;
  shape.tokens = 350;
  shape.dim = shape.valueDim = 96;
  Call call(device, shape);
  cuda::Options options;
  cuda::AttentionTensors tensors{call.q.tensor, call.k.tensor, call.v.tensor, call.out.tensor, call.lse.tensor};
  options.workspaceBytes = cuda::prepare({plan, nullptr}, tensors, options);
  cuda::DeviceBuffer workspace = device.allocate(size_t(options.workspaceBytes), "the workspace");
  options.workspace = reinterpret_cast<void *>(workspace.address());
  cuda::attention({plan, nullptr}, tensors, options);
  call.out.read(); // all of it was written
  std::optional<cuda::KernelImage> kept = cuda::readImage(disk->find(runtime::EntryKind::Kernel, key).value_or(""));
  ASSERT_TRUE(kept);
  EXPECT_NE(kept->code.find(".entry falloff_attention"), std::string::npos);
}

} // namespace
