// SPDX-License-Identifier: Apache-2.0
//
// A library that answers for its version as NVRTC and as the driver do, and has nothing else.
int nvrtcVersion(int *major, int *minor) {
  *major = FAKE_MAJOR;
  *minor = FAKE_MINOR;
  return 0;
}

int cuDriverGetVersion(int *version) {
  *version = FAKE_MAJOR * 1000 + FAKE_MINOR * 10;
  return 0;
}
