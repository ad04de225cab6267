// An exchange with recorded output, and a provider of lists.
#ifndef INTELLIGENCED_TESTS_UNIT_SERVICES_ACTIONS_ACTION_FIXTURE_H_
#define INTELLIGENCED_TESTS_UNIT_SERVICES_ACTIONS_ACTION_FIXTURE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "runtime/base/reasons.h"
#include "services/actions/exchange.h"
#include "tests/unit/services/actions/action_texts.h"

namespace intelligenced {

namespace v1 = ::intelligence::v1;

inline v1::ProviderDeclaration Declaration(const std::string& text) {
  v1::ProviderDeclaration declaration;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &declaration)) << text;
  return declaration;
}

class RecordedOutput final : public ExchangeOutput {
 public:
  void ToProvider(uint64_t stream, const v1::ProvideResponse& message) override {
    provider[stream].push_back(message);
  }
  void EndProvider(uint64_t stream, const absl::Status& status) override {
    provider_end[stream] = status;
  }
  void ToCaller(uint64_t call, const v1::RunActionResponse& message) override {
    caller[call].push_back(message);
  }
  void EndCaller(uint64_t call, const absl::Status& status) override {
    EXPECT_FALSE(caller_end.contains(call)) << "ended twice";
    caller_end[call] = status;
  }
  void ToConfirmer(uint64_t stream, const v1::AnswerConfirmationsResponse& message) override {
    confirmer[stream].push_back(message);
  }
  void StartProvider(uid_t, std::shared_ptr<const StaticProvider> provider,
                     uint64_t start) override {
    started.push_back(provider->declaration.id());
    last_start = start;
  }
  void SaveGrants() override { ++saved; }
  void Imported(uid_t, std::shared_ptr<const v1::ProviderDeclaration> declaration) override {
    imported.push_back(declaration->id());
  }
  void RunDone(uid_t, const std::string& action, const ActionValues&) override {
    done.push_back(action);
  }

  // Knows two words of anybody's.
  std::optional<v1::ActionValue> ReadSaid(const v1::ActionValueType& type,
                                          const std::string& said) const override {
    v1::ActionValue value;
    if (said == "seven" && type.has_integer()) {
      value.set_integer_value(7);
    } else if (said == "x" && type.has_boolean()) {
      // An answer that is none of the type is no answer.
      value.set_integer_value(1);
    } else {
      return std::nullopt;
    }
    return value;
  }

  std::map<uint64_t, std::vector<v1::ProvideResponse>> provider;
  std::map<uint64_t, absl::Status> provider_end;
  std::map<uint64_t, std::vector<v1::RunActionResponse>> caller;
  std::map<uint64_t, absl::Status> caller_end;
  std::map<uint64_t, std::vector<v1::AnswerConfirmationsResponse>> confirmer;
  std::vector<std::string> started;
  uint64_t last_start = 0;
  std::vector<std::string> done;
  std::vector<std::string> imported;
  int saved = 0;
};

class ExchangeTest : public testing::Test {
 protected:
  static ActionActor App(const std::string& name, bool trusted = false, uid_t user = 1000) {
    return {.user_id = user,
            .app = "exe:/usr/bin/" + name,
            .executable = "/usr/bin/" + name,
            .display_name = name,
            .trusted = trusted};
  }

  absl::Status Register(uint64_t stream, const ActionActor& actor,
                        const std::string& text = kListsDeclaration) {
    v1::RegisterProvider message;
    *message.mutable_declaration() = Declaration(text);
    return exchange_.ProviderRegisters(stream, actor, message, now_);
  }
  absl::Status Start(uint64_t call, const ActionActor& actor, const std::string& text) {
    v1::RunActionStart start;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &start)) << text;
    return exchange_.StartRun(call, actor, start, now_);
  }
  void Provider(uint64_t stream, const std::string& text) {
    v1::ProvideRequest message;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
    exchange_.ProviderSays(stream, message, now_);
  }
  void Caller(uint64_t call, const std::string& text) {
    v1::RunActionRequest message;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
    exchange_.CallerSays(call, message, now_);
  }
  // The provider answers its last query with these keys; titles are the keys in capitals.
  void AnswerQuery(uint64_t stream, const std::vector<std::string>& keys) {
    ASSERT_TRUE(LastToProvider(stream).has_entity_query());
    std::string text = absl::StrCat("entity_answer { query_id: '",
                                    LastToProvider(stream).entity_query().query_id(), "' ");
    for (const std::string& key : keys) {
      absl::StrAppend(&text, "entities { type: 'list' id: '", key, "' title: 'List ", key, "' } ");
    }
    Provider(stream, text + "}");
  }
  const v1::ProvideResponse& LastToProvider(uint64_t stream) {
    return output_.provider[stream].back();
  }
  const v1::RunActionResponse& Last(uint64_t call) { return output_.caller[call].back(); }
  // OK while the call goes on.
  absl::Status End(uint64_t call) {
    const auto found = output_.caller_end.find(call);
    return found == output_.caller_end.end() ? absl::OkStatus() : found->second;
  }
  bool Ended(uint64_t call) { return output_.caller_end.contains(call); }
  std::string RunId(uint64_t stream) { return LastToProvider(stream).run().run_id(); }

  // A run of "add" that the provider (stream 1) has.
  std::string StartedRun(uint64_t call, const ActionActor& actor) {
    EXPECT_TRUE(Start(call, actor,
                      "action: 'org.example.Lists/add' "
                      "values { key: 'item' value { string_value: 'milk' } } "
                      "values { key: 'list' value { entity_value { type: 'list' id: 'a' } } }")
                    .ok());
    AnswerQuery(1, {"a"});
    EXPECT_TRUE(LastToProvider(1).has_run());
    return RunId(1);
  }

  RecordedOutput output_;
  int ids_ = 0;
  ActionExchange exchange_{&output_, [this] { return absl::StrCat("id", ++ids_); }};
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  const ActionActor lists_ = App("lists");
  const ActionActor person_ = App("mlctl", true);
  const ActionActor assistant_ = App("assistant");
};

}  // namespace intelligenced

#endif  // INTELLIGENCED_TESTS_UNIT_SERVICES_ACTIONS_ACTION_FIXTURE_H_
