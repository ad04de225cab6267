// How one segment is worked on: what of it goes to a model, and what becomes of the answers.
//
// A segment goes through one step, or two with a language between. At each step it may be cut: into
// sentences where the model wants them, where it is too long, in two where an answer is no
// translation (answer_guard.h) or was cut off, and into the pieces between its kept spans where a
// model has lost one. What is not translated then stands as it was, and is told. Pure; not
// thread-safe.
#ifndef INTELLIGENCED_SERVICES_TRANSLATION_UNIT_TREE_H_
#define INTELLIGENCED_SERVICES_TRANSLATION_UNIT_TREE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "protos/intelligence/engine/v1/language.pb.h"
#include "services/translation/segment.h"

namespace intelligenced {

// What the model of a step takes.
struct StepLimits {
  // One sentence at a time.
  bool sentences = false;
  // Longer units are cut. At least kMinUnitBytes.
  size_t max_bytes = 4096;
};

// Shorter ones are not cut again: a model that cannot take them cannot be used.
inline constexpr size_t kMinUnitBytes = 64;
// Nor are shorter ones cut in two because their answer is none.
inline constexpr size_t kMinHalvedBytes = 48;

class UnitTree;

// What is sent to a model by itself. Owned by its tree; its address does not change.
struct Unit {
  UnitTree* tree = nullptr;
  // Of the steps.
  size_t step = 0;
  KeptText text;
  // For whoever sends it: how often it was lost with its model, how often there was no model to
  // send it to since one was lost, and whether it is to be sent alone.
  int losses = 0;
  int waits = 0;
  bool alone = false;
};

class UnitTree {
 public:
  // `steps`, at least one, outlive the tree.
  UnitTree(KeptText text, const std::vector<StepLimits>* steps);
  ~UnitTree();
  UnitTree(const UnitTree&) = delete;
  UnitTree& operator=(const UnitTree&) = delete;

  // Units that are to be sent and were not taken yet.
  std::vector<Unit*> TakeReady();

  // One of them for each that was taken; `unit` may be gone afterwards, and others be ready.
  void OnAnswer(Unit* unit, const intelligence::engine::v1::TranslatedSegment& answer);
  // The model cannot take so much. False: nor can it be cut; the unit stays.
  bool OnTooLong(Unit* unit);

  bool done() const;
  // Once done.
  TranslatedText TakeResult();

 private:
  struct Node;
  struct Part;

  void Prepare(Node* node);
  // Cuts at sentences' ends into pieces of at most about `max_bytes`. False: it is one piece.
  bool CutAtSentences(Node* node, size_t max_bytes, bool one_each);
  // Near its middle, between clauses or else words. Once: neither half is cut so again. False: it
  // is too short.
  bool CutInTwo(Node* node);
  // Between its kept spans.
  void CutAtKept(Node* node);
  void AddGlue(Node* node, size_t start, size_t end);
  void AddChild(Node* node, size_t start, size_t end);
  void StartChildren(Node* node);
  void Advance(Node* node, TranslatedText translation);
  void Finish(Node* node, TranslatedText translation);

  const std::vector<StepLimits>& steps_;
  std::unique_ptr<Node> root_;
  std::vector<Unit*> ready_;
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_TRANSLATION_UNIT_TREE_H_
