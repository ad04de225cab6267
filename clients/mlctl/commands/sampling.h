// The options that say how a model's text is made, for the commands that have it write freely.
#ifndef INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_SAMPLING_H_
#define INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_SAMPLING_H_

#include <intelligence/language_model.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace intelligenced::mlctl {

struct SamplingFlags {
  intelligence::SamplingOptions sampling;
  uint32_t max_output_tokens = 0;
  std::vector<std::string> stop;

  // The flags write here: it must outlive the parsing.
  void AddTo(CLI::App* app) {
    app->add_option("--max-output-tokens", max_output_tokens, "Stop after so many tokens")
        ->type_name("N");
    app->add_option("--temperature", sampling.temperature, "0 to 2; 0 takes the likeliest token")
        ->check(CLI::Range(0.0, 2.0).description(""))
        ->type_name("NUMBER");
    app->add_option("--top-p", sampling.top_p, "0 to 1; 1 is off")
        ->check(CLI::Range(0.0, 1.0).description(""))
        ->type_name("NUMBER");
    app->add_option("--top-k", sampling.top_k, "0 is off")->type_name("N");
    app->add_option("--min-p", sampling.min_p, "0 to 1; 0 is off")
        ->check(CLI::Range(0.0, 1.0).description(""))
        ->type_name("NUMBER");
    app->add_option("--seed", sampling.seed, "Same seed, same text")->type_name("N");
    app->add_option("--stop", stop, "End before this text; may be repeated")
        ->type_name("TEXT")
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }

  intelligence::GenerateTextRequest Request(intelligence::GenerateInput input) const {
    intelligence::GenerateTextRequest request;
    request.input = std::move(input);
    request.sampling = sampling;
    request.max_output_tokens = max_output_tokens;
    request.stop = stop;
    return request;
  }
};

}  // namespace intelligenced::mlctl

#endif  // INTELLIGENCED_CLIENTS_MLCTL_COMMANDS_SAMPLING_H_
