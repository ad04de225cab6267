// Translating texts, one or many, and telling which language they are in. Limits, what is kept as
// it is, and errors are those of protos/intelligence/v1/translation.proto.
//
//   intelligence::Translator translator(*client);
//   auto result = translator.Translate({.text = "Good morning.", .target_language = "es"});
//   if (result.ok()) Show(result->translation.text);
#ifndef INTELLIGENCE_TRANSLATION_H_
#define INTELLIGENCE_TRANSLATION_H_

#include <intelligence/client.h>
#include <intelligence/translation_types.h>

#include <functional>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace intelligence {

// A batch that is written and read by hand; Translator::Batch() does both. Movable; destroying it
// cancels what is not over. What sends (Send, Finish) and what reads (Next, status) must be two
// threads where more is sent than the daemon takes at a time; Cancel() may be called from any.
class [[nodiscard]] TranslationBatch {
 public:
  // A batch that cannot be opened shows it in Next() and status().
  static TranslationBatch Open(const Client& client, const TranslateBatchRequest& request,
                               const CallOptions& options = {});
  TranslationBatch(TranslationBatch&&) noexcept;
  TranslationBatch& operator=(TranslationBatch&&) noexcept;
  ~TranslationBatch();

  // Waits while the daemon has as many items as it takes. INVALID_ARGUMENT for an item that is no
  // UTF-8, which is not sent; ABORTED when the batch has ended: Next() comes to its end, status()
  // says why.
  absl::Status Send(const TranslateItem& item);
  // No more items. False: the batch has ended.
  bool Finish();

  // Waits for the next event. Nothing at the end, good or bad.
  std::optional<TranslateBatchEvent> Next();
  // How it ended. OK before Next() has returned nothing.
  absl::Status status() const;

  void Cancel();

 private:
  class Call;
  explicit TranslationBatch(std::unique_ptr<Call> call);
  std::unique_ptr<Call> call_;
};

// Thread-safe; copies share the client's connection. Callbacks run on the calling thread, except
// where said otherwise.
class Translator {
 public:
  explicit Translator(const Client& client) : client_(client) {}

  template <typename Event>
  using OnEvent = Client::OnEvent<Event>;

  absl::StatusOr<TranslateTextResult> Translate(
      const TranslateTextRequest& request, const CallOptions& options = {},
      const OnEvent<TranslateTextEvent>& on_event = nullptr) const;
  Stream<TranslateTextEvent> StreamTranslate(const TranslateTextRequest& request,
                                             const CallOptions& options = {}) const;

  // Translates all that `next` gives, until it gives nothing. `next` is called from a thread of its
  // own and held up while the daemon has enough to do; once the batch has failed it is not called
  // again, but a call that is in progress is waited for. `on_event` gets each result. An item that
  // is no UTF-8 ends the batch with INVALID_ARGUMENT.
  absl::StatusOr<TranslateBatchResult> Batch(
      const TranslateBatchRequest& request,
      const std::function<std::optional<TranslateItem>()>& next,
      const OnEvent<TranslateBatchEvent>& on_event, const CallOptions& options = {}) const;

  absl::StatusOr<DetectLanguageResult> Detect(const DetectLanguageRequest& request,
                                              const CallOptions& options = {}) const;
  absl::StatusOr<ListLanguagePairsResult> Pairs(const ListLanguagePairsRequest& request = {},
                                                const CallOptions& options = {}) const;
  // Loads what would translate, and installs it before that where a licence was accepted.
  absl::StatusOr<PrepareTranslationResult> Prepare(
      const PrepareTranslationRequest& request, const CallOptions& options = {},
      const OnEvent<PrepareTranslationEvent>& on_event = nullptr) const;
  Stream<PrepareTranslationEvent> StreamPrepare(const PrepareTranslationRequest& request,
                                                const CallOptions& options = {}) const;

 private:
  Client client_;
};

}  // namespace intelligence

#endif  // INTELLIGENCE_TRANSLATION_H_
