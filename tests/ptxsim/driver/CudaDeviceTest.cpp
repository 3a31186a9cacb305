// SPDX-License-Identifier: Apache-2.0
//
// Devices, plans on devices and launches over the simulated driver, with a kernel of this test: it counts what a plan
// gives each query. What goes wrong is one clear error each.
#include "runtime/cuda/Launch.h"
#include "runtime/cuda/Nvrtc.h"
#include "tests/ptxsim/driver/LoadedDriver.h"
#include "tests/unit/runtime/Processes.h"
#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>

using namespace falloff;
using namespace falloff::cuda;
using runtime::DType;
using runtime::Tensor;
using test::LoadedDriver;

namespace {

/// Writes to lse what each query of a plan is given: 1000 x the text length of its batch entry (0: none), and the key
/// tiles of its runs. Pieces of split rows leave theirs in the workspace, and falloff_merge adds them up.
const char *const countingKernel = R"(
using namespace falloff::cuda;
__device__ const PlanTable &tableOf(const AttentionArguments &a) {
  return a.tables[a.tableOf[(a.tableBatches > 1 ? blockIdx.z : 0) * a.tableHeads + (a.tableHeads > 1 ? blockIdx.y : 0)]];
}
__device__ void store(const AttentionArguments &a, int lane, float count) {
  int token = a.queryTokens[lane];
  if (token >= 0)
    a.lse[blockIdx.z * a.lseBatch + blockIdx.y * a.lseHead + (token - a.firstQuery) * a.lseToken] = count;
}
extern "C" __global__ void falloff_attention(const __grid_constant__ AttentionArguments a) {
  const PlanTable &table = tableOf(a);
  if (blockIdx.x >= table.pieceCount)
    return;
  RowPiece piece = table.pieces[blockIdx.x];
  int tiles = 0;
  for (int run = piece.firstRun; run < piece.lastRun; ++run) {
    int first = int(table.runs[run] & 0xfffffff), last = int(table.runs[run] >> 28 & 0xfffffff);
    tiles += min(last, piece.lastTile) - max(first, piece.firstTile);
  }
  float count = tiles + (a.textFirst < a.textLast ? 1000.0f * a.textLengths[blockIdx.z] : 0);
  if (piece.slot < 0)
    store(a, piece.firstLane + threadIdx.x, count);
  else
    a.partialSums[((blockIdx.z * a.heads + blockIdx.y) * a.slots + piece.slot) * 64 + threadIdx.x] = count;
}
extern "C" __global__ void falloff_merge(const __grid_constant__ AttentionArguments a) {
  const PlanTable &table = tableOf(a);
  if (blockIdx.x >= table.splitCount)
    return;
  SplitBlock split = table.splits[blockIdx.x];
  float count = 0;
  for (int slot = split.firstSlot; slot < split.firstSlot + split.slots; ++slot)
    count += a.partialSums[((blockIdx.z * a.heads + blockIdx.y) * a.slots + slot) * 64 + threadIdx.x];
  store(a, split.firstLane + threadIdx.x, count);
}
)";

std::string readSource(const std::string &path) {
  std::ifstream file(FALLOFF_SOURCE_DIR "/" + path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

KernelShape countingShape() {
  KernelShape shape;
  shape.queryBlock = shape.threads = 64;
  shape.keyBlock = 32;
  shape.headDim = shape.valueDim = 32;
  shape.stages = 2;
  shape.sharedBytes = 60000;
  return shape;
}

std::shared_ptr<const KernelImage> imageOf(const std::string &source, int architecture, bool toPtx = true) {
  auto image = std::make_shared<KernelImage>();
  image->shape = countingShape();
  image->architecture = architecture;
  image->isPtx = toPtx;
  image->code = compile(source, "test.cu", architecture, toPtx).image;
  return image;
}

std::shared_ptr<const KernelImage> countingImage() {
  static std::shared_ptr<const KernelImage> image =
      imageOf(readSource("runtime/cuda/KernelArguments.h") + countingKernel, 80);
  return image;
}

/// 200 tokens of text in flat tiles of 64 and 32, two tables: for head 0 lower triangles, for head 1 everything, and
/// the last row of head 0 split.
std::shared_ptr<runtime::Plan> makePlan() {
  auto plan = std::make_shared<runtime::Plan>();
  runtime::Segment text;
  text.name = "text";
  text.axes = {"token"};
  text.extents = {200};
  text.queryTile = {64};
  text.keyTile = {32};
  plan->grid.segments = {text};
  plan->grid.tokens = 200;
  plan->grid.queryTiles = 4;
  plan->grid.keyTiles = 7;
  plan->grid.queryCapacity = 64;
  plan->grid.keyCapacity = 32;
  plan->grid.queries = plan->grid.keys = {0, 200};
  plan->tables.resize(2);
  plan->masks.resize(2);
  for (size_t head = 0; head < 2; ++head) {
    runtime::RowTable &table = plan->tables[head];
    table.rowStart = {0};
    for (uint32_t row = 0; row < 4; ++row) {
      table.runs.emplace_back(0, head ? 7 : std::min<uint32_t>(7, 2 * row + 1), runtime::Run::full);
      table.rowStart.push_back(uint32_t(table.runs.size()));
    }
    runtime::orderRows(plan->grid, runtime::Major::Query, table);
  }
  plan->tables[0].splits = {{3, {2, 5}}};
  plan->tableOf = {0, 1};
  return plan;
}

/// Tensors of a call, in memory of a device.
struct Call {
  Call(Device &device, int64_t batches, int64_t dim = 32) : device(device) {
    for (Tensor *tensor : {&tensors.q, &tensors.k, &tensors.v, &tensors.out})
      *tensor = make({batches, 200, 2, dim}, DType::BF16);
    tensors.lse = make({batches, 2, 200, 1}, DType::F32);
  }
  Tensor make(std::array<int64_t, 4> sizes, DType dtype) {
    Tensor tensor;
    tensor.dtype = dtype;
    tensor.sizes = sizes;
    tensor.device = device.ordinal();
    int64_t stride = 1;
    for (int dimension : {3, 2, 1, 0}) {
      tensor.strides[size_t(dimension)] = stride;
      stride *= sizes[size_t(dimension)];
    }
    buffers.push_back(device.allocate(size_t(stride * runtime::sizeOf(dtype)), "a tensor"));
    tensor.data = reinterpret_cast<void *>(buffers.back().address());
    return tensor;
  }
  std::vector<float> readLse() const {
    std::vector<float> values(size_t(tensors.lse.sizes[0] * 400));
    LoadedDriver::get().read(device, values.data(), reinterpret_cast<uint64_t>(tensors.lse.data), values.size() * 4);
    return values;
  }

  Device &device;
  AttentionTensors tensors;
  std::vector<DeviceBuffer> buffers;
};

/// What the counting kernel has to leave.
std::vector<float> expectedCounts(const std::vector<int64_t> &textLengths, int64_t batches) {
  std::vector<float> values;
  for (int64_t batch = 0; batch < batches; ++batch)
    for (int head = 0; head < 2; ++head)
      for (int token = 0; token < 200; ++token) {
        int row = token / 64, pieces = head == 0 && row == 3 ? 3 : 1;
        float tiles = float(head ? 7 : std::min(7, 2 * row + 1));
        values.push_back(tiles + (textLengths.empty() ? 0 : 1000.0f * float(pieces * textLengths[size_t(batch)])));
      }
  return values;
}

std::string errorOf(const std::function<void()> &body) {
  try {
    body();
  } catch (const std::exception &error) {
    return error.what();
  }
  return "none";
}

#define EXPECT_HAS(TEXT, PART) EXPECT_NE((TEXT).find(PART), std::string::npos) << (TEXT)

/// What is wrong with the driver in a process of its own, where a variable is set. Comes first: a driver that was
/// started stays as it is.
std::string problemWith(const char *variable, const char *value) {
  LoadedDriver::get();
  return test::runCaptured([&] {
           setenv(variable, value, 1);
           std::string problem = Driver::find().problem;
           return write(STDERR_FILENO, problem.data(), problem.size()) > 0 ? 0 : 1;
         })
      .second;
}

TEST(CudaDriver, NoDevice) {
  EXPECT_EQ(problemWith("PTXSIM_DEVICES", "0"),
            "the NVIDIA driver " SIMULATED_DRIVER " (process) does not start: cuInit gives CUDA_ERROR_NO_DEVICE (no "
            "CUDA-capable device is detected); CUDA_VISIBLE_DEVICES may hide a device that there is");
}

TEST(CudaDriver, TooOld) {
  EXPECT_EQ(problemWith("PTXSIM_DRIVER_VERSION", "11040"),
            "expects an NVIDIA driver of CUDA 12.0 or later, but got one of CUDA 11.4, " SIMULATED_DRIVER
            " (process); update the NVIDIA driver of this machine");
}

class CudaDevice : public testing::Test {
protected:
  static void SetUpTestSuite() { LoadedDriver::get(); }
  void SetUp() override { LoadedDriver::get().reset(); }
  void TearDown() override { unsetenv("PTXSIM_MEMORY_BYTES"); }

  Device &device = Device::get(0);
};

TEST_F(CudaDevice, IsFoundInTheProcess) {
  DriverReport report = Driver::find();
  EXPECT_EQ(report.problem, "");
  EXPECT_EQ(report.library.source, "process");
  EXPECT_EQ(report.version, "13.0");
  EXPECT_EQ(report.devices,
            (std::vector<std::string>{"simulated sm_90", "simulated sm_80", "simulated sm_75", "simulated sm_110"}));
  EXPECT_EQ(device.capability(), 90);
  EXPECT_EQ(device.architecture(), 90);
  EXPECT_EQ(device.sharedBytes(), 227 * 1024);
  EXPECT_EQ(Device::get(1).architecture(), 80);
  EXPECT_EQ(&Device::get(1), &Device::get(1));
}

TEST_F(CudaDevice, WithoutKernelsOrNotThere) {
  EXPECT_EQ(
      errorOf([] { Device::get(2); }),
      "expects an NVIDIA device of a compute capability that there are kernels for (8.0, 8.6, 8.9, 9.0, 10.0, 10.3, "
      "12.0), but got cuda:2 (simulated sm_75) of 7.5");
  EXPECT_EQ(errorOf([] { Device::get(4); }), "expects one of 4 NVIDIA devices that there are, but got cuda:4");
}

/// Real drivers give this result in a process that was forked from one that uses them.
TEST_F(CudaDevice, ForkedProcessesAreToldSo) {
  EXPECT_HAS(errorOf([&] { device.driver().check(Status::notInitialised, "copying"); }), "start processes with spawn");
}

TEST_F(CudaDevice, LeavesTheCurrentContext) {
  Device::Current other(Device::get(1));
  device.allocate(100, "something");
  void *current = nullptr;
  LoadedDriver::get().call<int(void **)>("cuCtxGetCurrent", &current);
  int ordinal = -1;
  LoadedDriver::get().call<int(int *)>("cuCtxGetDevice", &ordinal);
  EXPECT_EQ(ordinal, 1);
}

TEST_F(CudaDevice, OutOfMemory) {
  setenv("PTXSIM_MEMORY_BYTES", "5000", 1);
  EXPECT_THROW(device.allocate(4 << 20, "the plan's tables"), OutOfMemory);
  EXPECT_EQ(errorOf([&] { device.allocate(4 << 20, "the plan's tables"); }),
            "expects 4.0 MiB for the plan's tables on cuda:0, but got CUDA_ERROR_OUT_OF_MEMORY (out of memory); "
            "torch.cuda.empty_cache() gives back what torch keeps for itself");
  auto plan = makePlan();
  setenv("PTXSIM_MEMORY_BYTES", "1", 1);
  EXPECT_HAS(errorOf([&] { DevicePlan::get(device, plan, 64, 32); }), "MiB for the plan's tables on cuda:0");
}

TEST_F(CudaDevice, KernelsOfAnotherArchitecture) {
  const std::string source = "extern \"C\" __global__ void falloff_attention() {}";
  EXPECT_EQ(errorOf([&] { device.load(imageOf(source, 80, false)); }),
            "expects a kernel for cuda:0 (simulated sm_90), which is sm_90, but got a cubin for sm_80");
  EXPECT_EQ(errorOf([&] { Device::get(1).load(imageOf(source, 90)); }),
            "expects a kernel for cuda:1 (simulated sm_80), which is sm_80, but got PTX for compute_90");
  auto large = std::make_shared<KernelImage>(*countingImage());
  large->shape.sharedBytes = 200000;
  EXPECT_HAS(errorOf([&] { Device::get(1).load(large); }), "at most 166912 bytes of shared memory");
}

TEST_F(CudaDevice, DamagedImages) {
  auto image = std::make_shared<KernelImage>(*countingImage());
  image->code = "no code at all";
  EXPECT_HAS(errorOf([&] { device.load(image); }),
             "loading a kernel for sm_80 on cuda:0 (simulated sm_90): the driver of CUDA 13.0 gives "
             "CUDA_ERROR_INVALID_IMAGE");
  image->code = countingImage()->code;
  image->code.replace(image->code.find("ld.global"), 9, "xx.global");
  std::string text = errorOf([&] { device.load(image); });
  EXPECT_HAS(text, "CUDA_ERROR_INVALID_PTX");
  EXPECT_HAS(text, "xx.global"); // of the driver's own log
}

TEST_F(CudaDevice, LaunchesGivePlansToKernels) {
  auto plan = makePlan();
  Call call(device, 3);
  const LoadedKernel &kernel = device.load(countingImage());
  EXPECT_EQ(&kernel, &device.load(countingImage()));
  auto onDevice = DevicePlan::get(device, plan, 64, 32);
  EXPECT_EQ(onDevice, DevicePlan::get(device, plan, 64, 32));
  int64_t bytes = workspaceBytes(kernel.shape(), *onDevice, 3, 2, 2);
  DeviceBuffer workspace = device.allocate(size_t(bytes), "the workspace");
  auto *scratch = reinterpret_cast<void *>(workspace.address());
  launch(kernel, *onDevice, *plan, call.tensors, {}, nullptr, scratch, bytes);
  EXPECT_EQ(call.readLse(), expectedCounts({}, 3));
  LaunchOptions texts;
  texts.textLengths = {1, 2, 200};
  launch(kernel, *onDevice, *plan, call.tensors, texts, nullptr, scratch, bytes);
  EXPECT_EQ(call.readLse(), expectedCounts(texts.textLengths, 3));
}

/// 130 batch entries in three launches; with `ofBatches` every other one has the tables of its heads exchanged.
void expectChunks(Device &device, bool ofBatches) {
  auto plan = makePlan();
  if (ofBatches) {
    plan->batches = 130;
    plan->tableOf.clear();
    for (uint32_t batch = 0; batch < 130; ++batch)
      for (uint32_t head = 0; head < 2; ++head)
        plan->tableOf.push_back((batch + head) % 2);
  }
  Call call(device, 130, 8);
  for (Tensor *tensor : {&call.tensors.q, &call.tensors.k, &call.tensors.v, &call.tensors.out})
    tensor->strides[0] = tensor->strides[1] = tensor->strides[2] = 0; // the kernel reads none of them
  const LoadedKernel &kernel = device.load(countingImage());
  auto onDevice = DevicePlan::get(device, plan, 64, 32);
  int64_t bytes = workspaceBytes(kernel.shape(), *onDevice, 130, 2, 2);
  DeviceBuffer workspace = device.allocate(size_t(bytes), "the workspace");
  LaunchOptions texts;
  texts.textLengths.resize(130);
  std::iota(texts.textLengths.begin(), texts.textLengths.end(), 20);
  launch(kernel, *onDevice, *plan, call.tensors, texts, nullptr, reinterpret_cast<void *>(workspace.address()), bytes);
  std::vector<float> expected = expectedCounts(texts.textLengths, 130);
  for (size_t batch = 1; ofBatches && batch < 130; batch += 2)
    std::swap_ranges(expected.begin() + long(batch * 400), expected.begin() + long(batch * 400 + 200),
                     expected.begin() + long(batch * 400 + 200));
  EXPECT_EQ(call.readLse(), expected);
  EXPECT_EQ(LoadedDriver::get().launches("falloff_attention"), 3);
  EXPECT_EQ(LoadedDriver::get().launches("falloff_merge"), 3);
}

TEST_F(CudaDevice, ManyTextLengthsAreLaunchedInChunks) { expectChunks(device, false); }

TEST_F(CudaDevice, ChunksOfBatchEntriesKeepTheirTables) { expectChunks(device, true); }

TEST_F(CudaDevice, PlansLeaveTheDeviceWithTheirPlan) {
  auto plan = makePlan();
  DevicePlan::get(device, makePlan(), 64, 32);
  DevicePlan::get(device, plan, 64, 32); // lets go of that before, which nobody holds
  int64_t before = LoadedDriver::get().allocations();
  DevicePlan::get(device, plan, 128, 32);
  DevicePlan::get(device, plan, 256, 32);
  EXPECT_EQ(LoadedDriver::get().allocations(), before + 2);
  plan.reset();
  DevicePlan::get(device, makePlan(), 64, 32);
  EXPECT_EQ(LoadedDriver::get().allocations(), before);
}

TEST_F(CudaDevice, CaptureAsksForEverythingBefore) {
  auto plan = makePlan();
  auto image = std::make_shared<KernelImage>(*countingImage());
  LoadedDriver::Stream stream(device), other(device);
  stream.beginCapture();
  EXPECT_TRUE(device.isCapturing(stream.handle));
  EXPECT_FALSE(device.isCapturing(other.handle));
  EXPECT_EQ(errorOf([&] { device.load(image, stream.handle); }),
            "expects a kernel that is loaded on cuda:0 before its stream is captured, but got a new one; call it once "
            "before the capture");
  EXPECT_EQ(
      errorOf([&] { DevicePlan::get(device, plan, 64, 32, stream.handle); }),
      "expects a plan that is on cuda:0 before its stream is captured, but got a new one; call it once before the "
      "capture");
  EXPECT_NE(stream.endCapture(), nullptr) << "errors of ours do not spoil it";
}

/// Plans come, go and are looked up for another stream; none of it may spoil the capture.
TEST_F(CudaDevice, OtherStreamsGoOnDuringACapture) {
  auto gone = makePlan();
  auto kept = makePlan();
  DevicePlan::get(device, gone, 64, 32);
  DevicePlan::get(device, kept, 64, 32);
  LoadedDriver::Stream stream(device), other(device);
  stream.beginCapture();
  gone.reset();
  DevicePlan::get(device, kept, 64, 32, stream.handle);
  auto plan = makePlan();
  DevicePlan::get(device, plan, 64, 32, other.handle);
  device.load(std::make_shared<KernelImage>(*countingImage()), other.handle);
  EXPECT_NE(stream.endCapture(), nullptr);
}

TEST_F(CudaDevice, GraphsRunWhatWasCaptured) {
  auto plan = makePlan();
  Call call(device, 2);
  LoadedDriver::Stream stream(device);
  const LoadedKernel &kernel = device.load(countingImage(), stream.handle);
  auto onDevice = DevicePlan::get(device, plan, 64, 32, stream.handle);
  int64_t bytes = workspaceBytes(kernel.shape(), *onDevice, 2, 2, 2);
  DeviceBuffer workspace = device.allocate(size_t(bytes), "the workspace");
  stream.beginCapture();
  launch(kernel, *onDevice, *plan, call.tensors, {}, stream.handle, reinterpret_cast<void *>(workspace.address()),
         bytes);
  EXPECT_EQ(LoadedDriver::get().launches("falloff_attention"), 0);
  void *graph = stream.endCapture();
  ASSERT_NE(graph, nullptr);
  for (int64_t times = 1; times < 3; ++times) {
    stream.launchGraph(graph);
    EXPECT_EQ(LoadedDriver::get().launches("falloff_attention"), times);
    EXPECT_EQ(call.readLse(), expectedCounts({}, 2));
  }
}

TEST_F(CudaDevice, AFaultIsAnErrorThatSaysWhereItHappened) {
  auto image = imageOf(readSource("runtime/cuda/KernelArguments.h") +
                           "extern \"C\" __global__ void falloff_attention(const __grid_constant__ "
                           "falloff::cuda::AttentionArguments a) { a.lse[threadIdx.x + 4000] = 1; }",
                       80);
  auto plan = makePlan();
  Call call(device, 1);
  const LoadedKernel &kernel = device.load(image);
  plan->tables[0].splits.clear();
  auto onDevice = DevicePlan::get(device, plan, 64, 32);
  std::string text = errorOf([&] { launch(kernel, *onDevice, *plan, call.tensors, {}, nullptr, nullptr, 0); });
  EXPECT_HAS(text, "launching falloff_attention on cuda:0, after something that was launched earlier has failed: the "
                   "driver gives CUDA_ERROR_ILLEGAL_ADDRESS (falloff_attention: ");
  EXPECT_HAS(text, "st.global");
  EXPECT_HAS(text, "lane 0");
  EXPECT_THROW(device.allocate(1, "anything"), DriverError) << "the context stays broken";
}

/// `change` makes arguments wrong that were right.
std::string problemOf(const std::function<void(AttentionTensors &, LaunchOptions &, KernelShape &)> &change) {
  static auto plan = makePlan();
  Device &device = Device::get(0);
  auto onDevice = DevicePlan::get(device, plan, 64, 32);
  Call call(device, 1);
  LaunchOptions options;
  KernelShape shape = countingShape();
  change(call.tensors, options, shape);
  return validate(shape, *onDevice, *plan, call.tensors, options);
}

TEST_F(CudaDevice, ArgumentsThatAreWrong) {
  using Tensors = AttentionTensors;
  EXPECT_EQ(problemOf([](Tensors &, LaunchOptions &, KernelShape &) {}), "");
  EXPECT_EQ(problemOf([](Tensors &tensors, LaunchOptions &, KernelShape &) { tensors.k.device = 1; }),
            "expects k on cuda:0, where q lies, but got cuda:1");
  EXPECT_EQ(problemOf([](Tensors &tensors, LaunchOptions &, KernelShape &) { tensors.lse.device = -1; }),
            "expects lse on cuda:0, where q lies, but got the CPU");
  EXPECT_EQ(problemOf([](Tensors &tensors, LaunchOptions &, KernelShape &) {
              for (Tensor *tensor : {&tensors.q, &tensors.k, &tensors.v, &tensors.out, &tensors.lse})
                tensor->device = 1;
            }),
            "expects q on cuda:0, where the plan lies, but got cuda:1");
  EXPECT_EQ(problemOf([](Tensors &, LaunchOptions &, KernelShape &shape) { shape.element = Element::F16; }),
            "expects q of float16, as the kernel has, but got bfloat16");
  EXPECT_EQ(problemOf([](Tensors &, LaunchOptions &, KernelShape &shape) { shape.queryBlock = 128; }),
            "expects a plan laid out for blocks of 128 x 32, as the kernel has, but got 64 x 32");
  EXPECT_EQ(problemOf([](Tensors &, LaunchOptions &, KernelShape &shape) { shape.headDim = 16; }),
            "expects head dimensions of q and v of at most 16 and 32, as the kernel has, but got 32 and 32");
  EXPECT_HAS(problemOf([](Tensors &tensors, LaunchOptions &, KernelShape &) { tensors.v.strides[1] = 3; }),
             "expects rows that begin on 16 bytes and are whole words of 16 bytes");
  EXPECT_HAS(problemOf([](Tensors &tensors, LaunchOptions &, KernelShape &) {
               tensors.v.sizes[3] = tensors.out.sizes[3] = 30; // of 32, which rows still take
             }),
             "expects rows that begin on 16 bytes and are whole words of 16 bytes");
  EXPECT_EQ(problemOf([](Tensors &tensors, LaunchOptions &, KernelShape &shape) {
              tensors.v.strides[1] = 3;
              shape.aligned = false;
            }),
            "");
  EXPECT_EQ(problemOf([](Tensors &tensors, LaunchOptions &, KernelShape &) { tensors.out.data = nullptr; }),
            "expects out with data, but got none");
  EXPECT_EQ(problemOf([](Tensors &, LaunchOptions &options, KernelShape &) { options.scale = INFINITY; }),
            "expects a finite scale, but got inf");
  EXPECT_EQ(problemOf([](Tensors &, LaunchOptions &options, KernelShape &) { options.textLengths = {201}; }),
            "expects text lengths from 0 to 200, the tokens of segment 'text', but got 201");
}

TEST_F(CudaDevice, AWorkspaceThatIsTooSmall) {
  auto plan = makePlan();
  Call call(device, 1);
  const LoadedKernel &kernel = device.load(countingImage());
  auto onDevice = DevicePlan::get(device, plan, 64, 32);
  int64_t bytes = workspaceBytes(kernel.shape(), *onDevice, 1, 2, 2);
  EXPECT_GT(bytes, 0);
  EXPECT_HAS(errorOf([&] { launch(kernel, *onDevice, *plan, call.tensors, {}, nullptr, nullptr, 0); }),
             "expects a workspace of " + std::to_string(bytes) + " bytes at a multiple of 256, but got 0 bytes at 0");
}

} // namespace
