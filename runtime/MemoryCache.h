// SPDX-License-Identifier: Apache-2.0
//
// Values made once and shared, by the hash of their key, within a bound of bytes. Look-ups of what is there take a
// shared lock and no memory; a value is made by the first thread that asks for it while others wait.
#ifndef FALLOFF_RUNTIME_MEMORYCACHE_H
#define FALLOFF_RUNTIME_MEMORYCACHE_H

#include "runtime/Hash.h"
#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unistd.h>
#include <unordered_map>
#include <utility>
#include <vector>

namespace falloff::runtime {

template <typename Value>
class MemoryCache {
public:
  using Pointer = std::shared_ptr<const Value>;
  /// A value and the bytes that it counts for.
  struct Made {
    Pointer value;
    int64_t bytes = 0;
  };

  /// Keeps values of at most `maxBytes` together; those used longest ago go first. Whoever holds a value keeps it.
  explicit MemoryCache(int64_t maxBytes) : maxBytes(maxBytes) {}

  /// The value of a key, which now counts as used; null if it is not there.
  Pointer find(const Hash128 &key) const {
    std::shared_lock<std::shared_mutex> lock(mutex);
    return findLocked(key);
  }

  /// The value of a key; `make` gives a Made where it is not there. An exception of `make` reaches all that wait for
  /// this value, and nothing is kept.
  template <typename Make>
  Pointer getOrMake(const Hash128 &key, Make &&make) {
    if (Pointer found = find(key))
      return found;
    std::shared_ptr<Flight> flight;
    {
      std::unique_lock<std::shared_mutex> lock(mutex);
      if (Pointer found = findLocked(key))
        return found;
      std::shared_ptr<Flight> &known = flights[key];
      // A thread of the process that this one was forked from makes nothing here.
      if (!known || known->process != ::getpid()) {
        known = std::make_shared<Flight>();
        return fly(key, known, lock, make);
      }
      flight = known;
    }
    return flight->landed.get();
  }

  /// Drops a value that turned out to be of no use.
  void remove(const Hash128 &key) {
    Pointer dropped;
    std::unique_lock<std::shared_mutex> lock(mutex);
    auto found = entries.find(key);
    if (found == entries.end())
      return;
    dropped = std::move(found->second.value);
    total -= found->second.bytes;
    entries.erase(found);
    lock.unlock(); // before the value goes
  }

  void clear() {
    Entries dropped;
    std::unique_lock<std::shared_mutex> lock(mutex);
    dropped.swap(entries);
    total = 0;
    lock.unlock(); // before values go
  }

  int64_t bytes() const {
    std::shared_lock<std::shared_mutex> lock(mutex);
    return total;
  }
  size_t size() const {
    std::shared_lock<std::shared_mutex> lock(mutex);
    return entries.size();
  }

private:
  struct Entry {
    Pointer value;
    int64_t bytes = 0;
    mutable std::atomic<uint64_t> lastUsed{0};
  };
  using Entries = std::unordered_map<Hash128, Entry, HashOfHash>;

  /// A value that is being made.
  struct Flight {
    std::promise<Pointer> promise;
    std::shared_future<Pointer> landed = promise.get_future().share();
    pid_t process = ::getpid();
  };

  Pointer findLocked(const Hash128 &key) const {
    auto found = entries.find(key);
    if (found == entries.end())
      return nullptr;
    found->second.lastUsed.store(clock.fetch_add(1, std::memory_order_relaxed), std::memory_order_relaxed);
    return found->second.value;
  }

  template <typename Make>
  Pointer fly(const Hash128 &key, std::shared_ptr<Flight> flight, std::unique_lock<std::shared_mutex> &lock,
              Make &&make) {
    std::vector<Pointer> dropped; // goes after the lock: ending a value may take long
    lock.unlock();
    try {
      Made made = make();
      lock.lock();
      keep(key, made, dropped);
      flights.erase(key);
      lock.unlock();
      flight->promise.set_value(made.value);
      return made.value;
    } catch (...) {
      if (!lock.owns_lock())
        lock.lock();
      flights.erase(key);
      lock.unlock();
      flight->promise.set_exception(std::current_exception());
      throw;
    }
  }

  void keep(const Hash128 &key, const Made &made, std::vector<Pointer> &dropped) {
    if (made.bytes > maxBytes)
      return;
    while (total + made.bytes > maxBytes)
      dropOldest(dropped);
    Entry &entry = entries[key];
    entry.value = made.value;
    entry.bytes = made.bytes;
    entry.lastUsed = clock.fetch_add(1, std::memory_order_relaxed);
    total += made.bytes;
  }

  /// Looks at all entries: next to making one, that takes no time.
  void dropOldest(std::vector<Pointer> &dropped) {
    auto oldest = entries.begin();
    for (auto entry = entries.begin(); entry != entries.end(); ++entry)
      if (entry->second.lastUsed < oldest->second.lastUsed)
        oldest = entry;
    dropped.push_back(std::move(oldest->second.value));
    total -= oldest->second.bytes;
    entries.erase(oldest);
  }

  const int64_t maxBytes;
  mutable std::shared_mutex mutex;
  mutable std::atomic<uint64_t> clock{0};
  Entries entries;
  std::unordered_map<Hash128, std::shared_ptr<Flight>, HashOfHash> flights;
  int64_t total = 0;
};

} // namespace falloff::runtime

#endif
