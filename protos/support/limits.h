// The limits that protos/intelligence/v1 states, as constants: services enforce them, clients may
// check before they send.
#ifndef INTELLIGENCED_PROTOS_SUPPORT_LIMITS_H_
#define INTELLIGENCED_PROTOS_SUPPORT_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace intelligenced {

// Of one text, prompt or conversation, in bytes of UTF-8. Beyond: INPUT_TOO_LARGE.
inline constexpr size_t kMaxTextBytes = size_t{4} << 20;
// The largest message that a server has to take: a text of the full length, protected ranges and
// some room. Servers set their receive limit well above it, so that a text that is too long meets
// INPUT_TOO_LARGE with both sizes and not gRPC's own refusal.
inline constexpr int kMaxReceiveMessageBytes = 72 << 20;
// What an answer can take: tensors of 64 MiB, the corrected text and its corrections twice.
inline constexpr int kMaxSendMessageBytes = 72 << 20;

inline constexpr size_t kMaxInstructionBytes = 4096;             // RewriteText.instruction
inline constexpr size_t kMaxSharedContextBytes = 4096;           // SummarizeText.shared_context
inline constexpr size_t kMaxComposeInstructionBytes = 64 << 10;  // ComposeText.instruction
inline constexpr size_t kMaxComposeContextBytes = 1 << 20;       // ComposeText.shared_context
inline constexpr size_t kMaxLanguageBytes = 64;
inline constexpr int kMaxProtectedRanges = 10'000;
inline constexpr uint32_t kMaxCandidates = 4;
// Of one request of LanguageService; together at most kMaxTextBytes.
inline constexpr int kMaxTexts = 1024;

inline constexpr size_t kMaxBatchItemBytes = size_t{1} << 20;  // TranslateItem.text
inline constexpr size_t kMaxClientIdentifierBytes = 256;
// Of a TranslateBatch: what has been read and not been sent back.
inline constexpr size_t kMaxBatchItems = 4096;
inline constexpr size_t kMaxBatchBytes = size_t{4} << 20;
inline constexpr uint64_t kMaxDetectedTexts = 1024;  // DetectLanguage
inline constexpr uint32_t kMaxLanguageCandidates = 16;

inline constexpr size_t kMaxImageBytes = size_t{48} << 20;  // AnalyzeImage.image
// A picture's pixels as a descriptor; a file is bounded by kMaxImageBytes there too.
inline constexpr size_t kMaxAttachmentBytes = size_t{256} << 20;
// What is no sealed memory is copied by the daemon.
inline constexpr size_t kMaxCopiedAttachmentBytes = size_t{64} << 20;
inline constexpr size_t kMaxAttachmentTokenBytes = 64;
inline constexpr uint32_t kMaxImageSide = 65'535;
inline constexpr int kMaxVisionRequests = 32;
inline constexpr uint32_t kMaxStreamRequests = 4096;  // in the life of an AnalyzeFrames
inline constexpr uint32_t kMaxPendingFrames = 8;
inline constexpr absl::Duration kMaxFrameAge = absl::Seconds(60);
inline constexpr int kMaxTextLanguages = 8;
inline constexpr uint32_t kMinContourSide = 64;
inline constexpr uint32_t kMaxContourSide = 4096;

inline constexpr int kMaxMessages = 1000;
inline constexpr int kMaxStopStrings = 16;
inline constexpr int kMaxConversationImages = 16;
// Of all pictures of one request, and of those that a session and all sessions keep.
inline constexpr size_t kMaxConversationImageBytes = size_t{48} << 20;
inline constexpr size_t kMaxSessionImageBytes = size_t{16} << 20;
inline constexpr size_t kMaxAllSessionsImageBytes = size_t{512} << 20;
inline constexpr size_t kMaxStopBytes = 256;
inline constexpr int kMaxTools = 64;
inline constexpr size_t kMaxToolNameBytes = 64;
inline constexpr size_t kMaxToolDescriptionBytes = 4096;
inline constexpr size_t kMaxToolCallIdBytes = 64;
inline constexpr int kMaxCallsInMessage = 64;
inline constexpr float kMaxTemperature = 2.0F;

inline constexpr size_t kMaxSessionsPerClient = 64;
inline constexpr size_t kMaxSessions = 1024;
inline constexpr size_t kMaxSessionIdBytes = 64;
inline constexpr absl::Duration kDefaultSessionExpiry = absl::Hours(1);
inline constexpr absl::Duration kMinSessionExpiry = absl::Seconds(1);
inline constexpr absl::Duration kMaxSessionExpiry = absl::Hours(24);

inline constexpr size_t kMaxModelNameBytes = 63;
inline constexpr size_t kMaxCapabilityBytes = 128;
inline constexpr size_t kMaxUrlBytes = 2048;
inline constexpr size_t kMaxLicenseBytes = 256;
inline constexpr size_t kMaxFamilyBytes = 63;
inline constexpr size_t kMaxImportChunkBytes = 1 << 20;
inline constexpr int kMaxFunctionCapabilities = 16;
inline constexpr int kMaxImportFunctions = 64;
inline constexpr int kMaxImportFiles = 63;
inline constexpr double kMaxFunctionScale = 16;
inline constexpr absl::Duration kMaxKeepAlive = absl::Hours(24);

inline constexpr absl::Duration kDefaultWatchInterval = absl::Seconds(1);
inline constexpr absl::Duration kMinWatchInterval = absl::Milliseconds(100);
inline constexpr absl::Duration kMaxWatchInterval = absl::Seconds(60);
inline constexpr uint32_t kDefaultActivityPage = 50;
inline constexpr uint32_t kMaxActivityPage = 1000;
inline constexpr size_t kMaxPageTokenBytes = 128;
inline constexpr size_t kMaxClientBytes = 4096;

}  // namespace intelligenced

#endif  // INTELLIGENCED_PROTOS_SUPPORT_LIMITS_H_
