// SPDX-License-Identifier: Apache-2.0
//
// Functions of cuda.h about streams, events and graphs. A stream runs what it is given at once; one that is captured
// records it.
#include "tests/ptxsim/driver/State.h"

#include <utility>

using namespace ptxsim::driver;

namespace {

constexpr unsigned nonBlocking = 1;

struct Event {
  bool isRecorded = false;
};

/// The stream of a handle that may not be the default one.
Stream &ownStream(State &state, void *handle) {
  Stream *stream = state.find(handle);
  require(stream, Status::invalidHandle);
  return *stream;
}

void waitFor(State &state, void *handle) {
  Stream *stream = state.find(handle);
  if (!stream)
    return state.refuseInCapture(state.current());
  if (stream->capture) {
    stream->invalidated = true;
    throw Refusal{Status::captureUnsupported};
  }
}

} // namespace

extern "C" {

int cuStreamCreate(void **stream, unsigned flags) {
  return answer([&](State &state) {
    auto made = std::make_unique<Stream>();
    made->context = &state.current();
    made->waitsForLegacy = !(flags & nonBlocking);
    *stream = made.get();
    state.streams[*stream] = std::move(made);
  });
}

int cuStreamDestroy_v2(void *stream) {
  return answer([&](State &state) {
    ownStream(state, stream);
    state.streams.erase(stream);
  });
}

int cuStreamSynchronize(void *stream) {
  return answer([&](State &state) {
    state.current();
    waitFor(state, stream);
  });
}

int cuStreamQuery(void *stream) {
  return answer([&](State &state) {
    state.current();
    waitFor(state, stream);
  });
}

/// 0: not captured, 1: captured, 2: captured and spoilt.
int cuStreamIsCapturing(void *handle, int *status) {
  return answer([&](State &state) {
    Context &context = state.current();
    Stream *stream = state.find(handle);
    if (!stream)
      for (auto &[other, candidate] : state.streams)
        require(!candidate->capture || !candidate->waitsForLegacy || candidate->context != &context,
                Status::captureImplicit);
    *status = !stream || !stream->capture ? 0 : stream->invalidated ? 2 : 1;
  });
}

int cuThreadExchangeStreamCaptureMode(int *mode) {
  return answer([&](State &) {
    require(mode && *mode >= 0 && *mode <= 2);
    std::swap(*mode, captureMode());
  });
}

int cuStreamBeginCapture_v2(void *handle, int mode) {
  return answer([&](State &state) {
    Context &context = state.current();
    require(mode >= 0 && mode <= 2);
    Stream *stream = state.find(handle);
    require(stream && !stream->capture, Status::captureUnsupported);
    stream->capture = std::make_unique<Graph>();
    stream->capture->context = &context;
    stream->invalidated = false;
  });
}

int cuStreamEndCapture(void *handle, void **graph) {
  return answer([&](State &state) {
    Stream &stream = ownStream(state, handle);
    require(stream.capture != nullptr);
    *graph = nullptr;
    std::unique_ptr<Graph> captured = std::move(stream.capture);
    bool spoilt = stream.invalidated;
    stream.invalidated = false;
    require(!spoilt, Status::captureInvalidated);
    *graph = captured.get();
    state.graphs[*graph] = std::move(captured);
  });
}

int cuGraphInstantiateWithFlags(void **executable, void *graph, unsigned long long) {
  return answer([&](State &state) {
    auto found = state.graphs.find(graph);
    require(found != state.graphs.end());
    auto copy = std::make_unique<Graph>(*found->second);
    *executable = copy.get();
    state.graphs[*executable] = std::move(copy);
  });
}

int cuGraphLaunch(void *executable, void *stream) {
  return answer([&](State &state) {
    auto found = state.graphs.find(executable);
    require(found != state.graphs.end());
    Context &context = state.current();
    require(found->second->context == &context, Status::invalidHandle);
    state.submit(stream, context, [graph = *found->second] {
      for (const Work &work : graph.nodes)
        work();
    });
  });
}

int cuGraphDestroy(void *graph) {
  return answer([&](State &state) { require(state.graphs.erase(graph) == 1); });
}

int cuGraphExecDestroy(void *graph) {
  return answer([&](State &state) { require(state.graphs.erase(graph) == 1); });
}

int cuEventCreate(void **event, unsigned) {
  return answer([&](State &state) {
    state.current();
    *event = new Event();
  });
}

int cuEventRecord(void *event, void *stream) {
  return answer([&](State &state) {
    state.submit(stream, state.current(), [event] { static_cast<Event *>(event)->isRecorded = true; });
  });
}

int cuEventSynchronize(void *) {
  return answer([&](State &state) { state.refuseInCapture(state.current()); });
}

int cuStreamWaitEvent(void *stream, void *, unsigned) {
  return answer([&](State &state) { state.submit(stream, state.current(), [] {}); });
}

int cuEventDestroy_v2(void *event) {
  return answer([&](State &) { delete static_cast<Event *>(event); });
}
}
