// Which layout of a model's weights is the best one. Pure.
#ifndef INTELLIGENCED_SERVICES_MODEL_PERFORMANCE_OPTIMIZE_POLICY_H_
#define INTELLIGENCED_SERVICES_MODEL_PERFORMANCE_OPTIMIZE_POLICY_H_

#include <string>
#include <string_view>
#include <vector>

#include "protos/intelligence/v1/model_performance.pb.h"

namespace intelligenced {

// Seconds that a typical request takes: a prompt of 512 tokens and an answer of 128. 0 when a speed
// is not known.
double TypicalSeconds(const intelligence::v1::LayoutResult& result);

// Fills in perplexity_increase (against the source), within_bound and typical_seconds.
void Judge(const intelligence::v1::LayoutResult& source, double max_increase,
           intelligence::v1::LayoutResult& result);

// The fastest of `contenders` within the bound, by typical_seconds; the source itself when nothing
// beats it by more than 3 %: a copy has to be worth its room. `results` holds the source first.
int BestLayout(const std::vector<intelligence::v1::LayoutResult>& results,
               const std::vector<int>& contenders);

// Those whose order one measurement each does not settle on a machine that does other things too:
// within the bound, and at most 1.3 times as long as the shortest of them; the source among them
// always. In the order of `results`; just the source when there is no other.
std::vector<int> Contenders(const std::vector<intelligence::v1::LayoutResult>& results);

// "models/x" and "Q4_0": "x-q4_0", cut to what a name may be long.
std::string OptimizedName(std::string_view name, std::string_view layout);

}  // namespace intelligenced

#endif  // INTELLIGENCED_SERVICES_MODEL_PERFORMANCE_OPTIMIZE_POLICY_H_
