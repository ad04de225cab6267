#include "runtime/engines/apertium/pipeline_pool.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/file.h"
#include "runtime/base/reasons.h"
#include "runtime/engines/apertium/programs.h"

namespace intelligenced {
namespace {

// What is in a pipeline cannot be called back, and what comes later waits behind it: enough to keep
// all its programs at work, and no more.
constexpr size_t kMaxPieces = 24;
constexpr size_t kMaxBytes = 8 << 10;
// A text of this length is worth a new pipeline when nobody wants it any more.
constexpr size_t kLongText = 32 << 10;
constexpr size_t kMaxModeBytes = 64 << 10;
constexpr char kModeHelper[] = "apertium-wblank-mode";

absl::Status Lost(const Piece& piece) {
  return MakeError(Reason::kEngineFailure,
                   absl::StrCat("A program of Apertium's mode ", piece.mode,
                                " died or hung twice over this text."),
                   {.metadata = {{"mode", piece.mode}}, .retry_delay = {}, .field = {}});
}

bool OfOneSender(const Piece& a, const Piece& b) {
  return a.sender.empty() ? b.sender.empty() && a.owner == b.owner : a.sender == b.sender;
}

}  // namespace

absl::StatusOr<Mode> PipelinePool::ReadMode(const Piece& piece) const {
  const std::string path = absl::StrCat(options_.modes_folder, "/", piece.mode, ".mode");
  const std::string_view generation = piece.marked ? "-g" : "-n";
  // Apertium's own command runs what this program makes of the file; it knows which steps its
  // version needs between the mode's. Without it (older versions) the file itself is run.
  absl::StatusOr<std::string> text =
      OutputOf({kModeHelper, "-z", path}, options_.program_folder, kMaxModeBytes);
  if (!text.ok()) text = ReadFile(path, kMaxModeBytes);
  if (!text.ok()) {
    return MakeError(Reason::kEngineFailure,
                     absl::StrCat("Apertium's mode ", piece.mode,
                                  " cannot be read; has its package been removed?"),
                     {.metadata = {{"mode", piece.mode}}, .retry_delay = {}, .field = {}});
  }
  absl::StatusOr<Mode> mode = ParseMode(*text, generation);
  if (mode.ok()) AddNullFlush(&*mode);
  return mode;
}

absl::StatusOr<PipelinePool::Group*> PipelinePool::GroupOf(const Piece& piece) {
  const Key key(piece.mode, piece.marked);
  const auto found = groups_.find(key);
  if (found != groups_.end()) return &found->second;
  absl::StatusOr<Mode> mode = ReadMode(piece);
  if (!mode.ok()) return mode.status();
  Group& group = groups_[key];
  group.mode = *std::move(mode);
  return &group;
}

bool PipelinePool::Take(Piece& piece) {
  // Those that lost their pipeline have waited longer.
  const bool others_first = std::any_of(again_.begin(), again_.end(), [&](const Piece& other) {
    return other.mode == piece.mode && other.marked == piece.marked;
  });
  if (others_first) return false;
  absl::StatusOr<Group*> group = GroupOf(piece);
  absl::StatusOr<Resident*> place = group.ok() ? PlaceFor(piece, **group) : group.status();
  if (!place.ok()) {
    failed_.push_back({.ticket = piece.ticket, .status = place.status(), .output = {}});
    return true;
  }
  if (*place == nullptr) return false;
  Feed(std::move(piece), **place);
  return true;
}

absl::StatusOr<PipelinePool::Resident*> PipelinePool::PlaceFor(const Piece& piece, Group& group) {
  Resident* best = nullptr;
  size_t owned = 0;
  for (Resident& resident : group.residents) {
    const bool own = std::any_of(resident.pieces.begin(), resident.pieces.end(),
                                 [&](const Piece& other) { return OfOneSender(other, piece); });
    if (own) ++owned;
    // One that is being tried again must be alone, so that it is known who kills.
    const bool suspect = std::any_of(resident.pieces.begin(), resident.pieces.end(),
                                     [](const Piece& other) { return other.losses > 0; });
    if (suspect) continue;
    const Pipeline& pipeline = *resident.pipeline;
    const bool room =
        pipeline.idle() || (piece.losses == 0 && pipeline.in_flight() < kMaxPieces &&
                            pipeline.bytes_in_flight() + piece.stream.size() <= kMaxBytes);
    if (!room) continue;
    if (own) return &resident;
    if (best == nullptr || pipeline.bytes_in_flight() < best->pipeline->bytes_in_flight()) {
      best = &resident;
    }
  }
  const size_t limit = std::max<size_t>(1, options_.pipelines_of_a_pair);
  const bool may_take_more = owned == 0 || owned + 1 < limit;
  if (!may_take_more) return nullptr;
  if (best != nullptr && best->pipeline->idle()) return best;
  if (group.residents.size() < limit) return StartOne(group);
  return best;
}

absl::StatusOr<PipelinePool::Resident*> PipelinePool::StartOne(Group& group) {
  MakeRoom();
  absl::StatusOr<std::unique_ptr<Pipeline>> started =
      Pipeline::Start(group.mode, options_.program_folder, clock_);
  if (!started.ok()) return started.status();
  group.residents.push_back(
      {.pipeline = *std::move(started), .pieces = {}, .last_use = clock_->Now()});
  return &group.residents.back();
}

size_t PipelinePool::CountPipelines() const {
  size_t count = 0;
  for (const auto& [key, group] : groups_) count += group.residents.size();
  return count;
}

void PipelinePool::MakeRoom() {
  while (CountPipelines() >= options_.pipelines) {
    Group* oldest = nullptr;
    size_t index = 0;
    for (auto& [key, group] : groups_) {
      for (size_t i = 0; i < group.residents.size(); ++i) {
        if (!group.residents[i].pipeline->idle()) continue;
        if (oldest != nullptr && oldest->residents[index].last_use <= group.residents[i].last_use) {
          continue;
        }
        oldest = &group;
        index = i;
      }
    }
    // All are at work: rather one more than somebody who waits for others to end.
    if (oldest == nullptr) return;
    oldest->residents.erase(oldest->residents.begin() + static_cast<ptrdiff_t>(index));
  }
}

void PipelinePool::Feed(Piece piece, Resident& resident) {
  resident.last_use = clock_->Now();
  resident.pipeline->Feed(piece.ticket, piece.stream);
  resident.pieces.push_back(std::move(piece));
}

bool PipelinePool::idle() const {
  return again_.empty() && failed_.empty() &&
         std::all_of(groups_.begin(), groups_.end(), [](const auto& entry) {
           const std::vector<Resident>& residents = entry.second.residents;
           return std::all_of(residents.begin(), residents.end(),
                              [](const Resident& resident) { return resident.pipeline->idle(); });
         });
}

void PipelinePool::Advance(absl::Duration patience, std::vector<PieceResult>* results) {
  const size_t before = results->size();
  Retry(results);
  for (PieceResult& failed : failed_) results->push_back(std::move(failed));
  failed_.clear();
  MoveAll(results);
  Retry(results);
  if (results->size() > before || idle()) return;
  Wait(patience);
  MoveAll(results);
}

void PipelinePool::Wait(absl::Duration patience) {
  std::vector<pollfd> waits;
  for (const auto& [key, group] : groups_) {
    for (const Resident& resident : group.residents) {
      if (!resident.pipeline->idle()) resident.pipeline->AddWaits(&waits);
    }
  }
  const absl::Duration least = std::max(absl::Milliseconds(1), patience);
  poll(waits.data(), waits.size(), static_cast<int>(absl::ToInt64Milliseconds(least)));
}

void PipelinePool::MoveAll(std::vector<PieceResult>* results) {
  std::vector<PipelineOutput> outputs;
  for (auto& [key, group] : groups_) {
    for (size_t i = 0; i < group.residents.size(); ++i) {
      Resident& resident = group.residents[i];
      if (resident.pipeline->idle()) continue;
      outputs.clear();
      const bool usable = resident.pipeline->Pump(&outputs);
      for (PipelineOutput& output : outputs) {
        const uint64_t ticket = resident.pieces.front().ticket;
        resident.pieces.pop_front();
        if (ticket == 0) continue;
        results->push_back({.ticket = ticket, .status = {}, .output = std::move(output)});
      }
      const absl::Time now = clock_->Now();
      const bool hangs = !resident.pipeline->idle() &&
                         (now - resident.pipeline->last_move() > options_.hang ||
                          now - resident.pipeline->next_since() > options_.most_for_a_text);
      if (!usable || hangs) Lose(group, i--, results);
    }
  }
}

void PipelinePool::Lose(Group& group, size_t index, std::vector<PieceResult>* results) {
  std::deque<Piece> pieces = std::move(group.residents[index].pieces);
  group.residents.erase(group.residents.begin() + static_cast<ptrdiff_t>(index));
  for (Piece& piece : pieces) {
    if (piece.ticket == 0) continue;
    if (++piece.losses > 1) {
      results->push_back({.ticket = piece.ticket, .status = Lost(piece), .output = {}});
    } else {
      again_.push_back(std::move(piece));
    }
  }
}

void PipelinePool::Retry(std::vector<PieceResult>* results) {
  for (size_t left = again_.size(); left > 0; --left) {
    Piece piece = std::move(again_.front());
    again_.pop_front();
    const absl::StatusOr<Group*> group = GroupOf(piece);
    const absl::StatusOr<Resident*> place = group.ok() ? PlaceFor(piece, **group) : group.status();
    if (!place.ok()) {
      results->push_back({.ticket = piece.ticket, .status = place.status(), .output = {}});
    } else if (*place == nullptr || !(*place)->pipeline->idle()) {
      again_.push_back(std::move(piece));
    } else {
      Feed(std::move(piece), **place);
    }
  }
}

void PipelinePool::Abandon(uint64_t owner) {
  std::erase_if(again_, [&](const Piece& piece) { return piece.owner == owner; });
  for (auto& [key, group] : groups_) {
    for (size_t i = 0; i < group.residents.size(); ++i) {
      size_t bytes = 0;
      for (Piece& piece : group.residents[i].pieces) {
        if (piece.owner != owner) continue;
        piece.ticket = 0;
        bytes += piece.stream.size();
      }
      if (bytes < kLongText) continue;
      // The others' are not to blame.
      std::deque<Piece> pieces = std::move(group.residents[i].pieces);
      group.residents.erase(group.residents.begin() + static_cast<ptrdiff_t>(i--));
      for (Piece& piece : pieces) {
        if (piece.ticket != 0) again_.push_back(std::move(piece));
      }
    }
  }
}

}  // namespace intelligenced
