#include "daemon/config.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "daemon/config_reader.h"

namespace intelligenced {
namespace {

constexpr size_t kMaxConfigBytes = 1 << 20;

const std::vector<std::string>& ServiceNames() {
  static const auto* const names = new std::vector<std::string>{
      "ActionService",   "ImageGenerationService",  "LanguageModelService",
      "LanguageService", "ModelPerformanceService", "ModelService",
      "SystemService",   "TensorService",           "TranslationService",
      "VisionService",   "WritingToolsService"};
  return *names;
}

void ReadDaemon(ConfigReader& reader, Config::Daemon* out) {
  reader.Path("socket", &out->socket);
  reader.Mode("mode", &out->mode);
  reader.Text("group", &out->group);
  reader.Integer("max_connections", 1, 100'000, &out->max_connections);
  reader.Integer("max_connections_per_user", 1, 100'000, &out->max_connections_per_user);
  reader.Duration("drain_grace", absl::ZeroDuration(), absl::Minutes(10), &out->drain_grace);
  reader.Integer("activity_records", 0, 1'000'000, &out->activity_records);
}

void ReadEngineParameters(ConfigReader& reader,
                          std::map<std::string, std::map<std::string, std::string>>* out) {
  reader.Each([&](const std::string& engine, const toml::node& node) {
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      reader.Complain(node, absl::StrCat("'", engine, "' must be a section of parameters: ",
                                         "[models.engine.", engine, "]."));
      return;
    }
    for (const auto& [key, value] : *table) {
      std::string& parameter = (*out)[engine][std::string(key.str())];
      // Parameters travel as text; the engine that owns them checks their values.
      if (const auto* text = value.as_string()) {
        parameter = text->get();
      } else if (const auto* whole = value.as_integer()) {
        parameter = absl::StrCat(whole->get());
      } else if (const auto* number = value.as_floating_point()) {
        parameter = absl::StrCat(number->get());
      } else if (const auto* boolean = value.as_boolean()) {
        parameter = boolean->get() ? "true" : "false";
      } else {
        reader.Complain(value, absl::StrCat("'", key.str(), "' in [models.engine.", engine,
                                            "] must be text, a number, true or false."));
      }
    }
  });
}

void ReadModels(ConfigReader& reader, Config::Models* out) {
  reader.Path("store", &out->store);
  reader.Paths("catalogue", &out->catalogue_directories);
  reader.Paths("built_in", &out->built_in_directories);
  reader.Duration("keep_alive", absl::ZeroDuration(), absl::Hours(24), &out->keep_alive);
  reader.Integer("threads", 0, 1024, &out->threads);
  reader.Section("engine", [&](ConfigReader& section) {
    ReadEngineParameters(section, &out->engine_parameters);
  });
}

void ReadScheduler(ConfigReader& reader, Config::Scheduling* out) {
  const uint64_t mebibyte = uint64_t{1} << 20;
  reader.Integer("max_queued_jobs", 1, 1'000'000, &out->limits.max_queued_jobs);
  reader.Size("max_queued_bytes", mebibyte, &out->limits.max_queued_bytes);
  reader.Integer("max_client_jobs", 1, 1'000'000, &out->limits.max_client_jobs);
  reader.Size("max_client_bytes", mebibyte, &out->limits.max_client_bytes);
  reader.Duration("contended_quantum", absl::Milliseconds(1), absl::Seconds(1),
                  &out->contended_quantum);
  reader.Duration("idle_quantum", absl::Milliseconds(1), absl::Seconds(1), &out->idle_quantum);
  reader.Duration("ageing", absl::Milliseconds(100), absl::Hours(1), &out->ageing);
  reader.Section("lanes", [&](ConfigReader& section) {
    section.Each([&](const std::string& device, const toml::node& node) {
      const auto* capacity = node.as_integer();
      if (capacity == nullptr || capacity->get() < 1 || capacity->get() > 1024) {
        section.Complain(node, absl::StrCat("'", device,
                                            "' in [scheduler.lanes] must be a whole number of "
                                            "cores from 1 to 1024."));
        return;
      }
      out->lanes[device] = static_cast<int>(capacity->get());
    });
  });
}

void ReadWorker(ConfigReader& reader, Config::Worker* out) {
  reader.Path("directory", &out->directory);
  reader.Boolean("sandbox", &out->sandbox);
  reader.Size("memory_limit", uint64_t{16} << 20, &out->memory_limit_bytes);
  reader.Duration("start_timeout", absl::Milliseconds(100), absl::Minutes(10), &out->start_timeout);
  reader.Integer("oom_score_adj", 0, 1000, &out->oom_score_adj);
}

void ReadLogging(ConfigReader& reader, Config::Logging* out) {
  if (auto level = reader.Choice("level", {"debug", "info", "warning", "error"})) {
    out->level = static_cast<LogLevel>(*level);
  }
  if (auto target = reader.Choice("target", {"auto", "stderr", "journal"})) {
    out->target = static_cast<LogTarget>(*target);
  }
}

void ReadClients(ConfigReader& reader, std::vector<ClientPolicy>* out) {
  reader.Each([&](const std::string& pattern, const toml::node& node) {
    const std::string name = absl::StrCat("[clients.\"", pattern, "\"]");
    if (!node.is_table()) {
      reader.Complain(node, absl::StrCat("'", pattern, "' must be a section: ", name, "."));
      return;
    }
    ClientPolicy policy{.pattern = pattern, .services = std::nullopt};
    ConfigReader client(node.as_table(), name, reader.problems());
    client.Number("weight", 0.01, 100, &policy.weight);
    client.Texts("services", &policy.services, ServiceNames());
    client.Finish();
    out->push_back(std::move(policy));
  });
}

}  // namespace

std::string FormatProblems(std::string_view file, const std::vector<ConfigProblem>& problems) {
  std::string text;
  for (const ConfigProblem& problem : problems) {
    if (!text.empty()) text += '\n';
    absl::StrAppend(&text, file, ":");
    if (problem.line > 0) absl::StrAppend(&text, problem.line, ":");
    absl::StrAppend(&text, " ", problem.message);
  }
  return text;
}

std::optional<Config> ParseConfig(std::string_view text, std::vector<ConfigProblem>* problems) {
  toml::table table;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& error) {
    problems->push_back({static_cast<int>(error.source().begin.line),
                         absl::StrCat("This is not TOML: ", error.description(), ".")});
    return std::nullopt;
  }

  Config config;
  std::vector<ConfigProblem> found;
  ConfigReader reader(&table, "", &found);
  reader.Section("daemon", [&](ConfigReader& section) { ReadDaemon(section, &config.daemon); });
  reader.Section("memory", [&](ConfigReader& section) {
    section.Size("ceiling", uint64_t{16} << 20, &config.memory.ceiling_bytes);
    section.Size("margin", 0, &config.memory.margin_bytes);
  });
  reader.Section("models", [&](ConfigReader& section) { ReadModels(section, &config.models); });
  reader.Section("scheduler",
                 [&](ConfigReader& section) { ReadScheduler(section, &config.scheduler); });
  reader.Section("worker", [&](ConfigReader& section) { ReadWorker(section, &config.worker); });
  reader.Section("actions", [&](ConfigReader& section) {
    section.Paths("directories", &config.actions.directories);
    std::optional<std::vector<std::string>> trusted;
    section.Texts("trusted_clients", &trusted, {});
    if (!trusted.has_value()) return;
    for (std::string& client : *trusted) {
      // An executable may be named by its path alone.
      if (client.starts_with('/')) client.insert(0, "exe:");
    }
    config.actions.trusted_clients = *std::move(trusted);
  });
  reader.Section("logging", [&](ConfigReader& section) { ReadLogging(section, &config.logging); });
  reader.Section("clients", [&](ConfigReader& section) { ReadClients(section, &config.clients); });
  reader.Finish();

  if (config.scheduler.contended_quantum > config.scheduler.idle_quantum) {
    found.push_back({0,
                     "'contended_quantum' in [scheduler] must not be longer than "
                     "'idle_quantum'."});
  }
  if (found.empty()) return config;
  std::stable_sort(found.begin(), found.end(),
                   [](const ConfigProblem& a, const ConfigProblem& b) { return a.line < b.line; });
  problems->insert(problems->end(), found.begin(), found.end());
  return std::nullopt;
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("The configuration ", path, " cannot be read: ", strerror(errno), "."));
  }
  const absl::Cleanup close_fd = [fd] { close(fd); };
  std::string text(kMaxConfigBytes + 1, '\0');
  size_t length = 0;
  while (length < text.size()) {
    const ssize_t got = read(fd, text.data() + length, text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("The configuration ", path, " cannot be read: ", strerror(errno), "."));
    }
    if (got == 0) break;
    length += static_cast<size_t>(got);
  }
  if (length > kMaxConfigBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("The configuration ", path, " is longer than 1 MiB."));
  }
  text.resize(length);
  std::vector<ConfigProblem> problems;
  std::optional<Config> config = ParseConfig(text, &problems);
  if (!config.has_value()) return absl::InvalidArgumentError(FormatProblems(path, problems));
  return *std::move(config);
}

std::vector<std::string> KeysThatNeedRestart(const Config& running, const Config& fresh) {
  std::vector<std::string> keys;
  const auto compare = [&keys](bool same, std::string_view key) {
    if (!same) keys.emplace_back(key);
  };
  compare(running.daemon.socket == fresh.daemon.socket, "[daemon] socket");
  compare(running.daemon.mode == fresh.daemon.mode, "[daemon] mode");
  compare(running.daemon.group == fresh.daemon.group, "[daemon] group");
  compare(running.daemon.activity_records == fresh.daemon.activity_records,
          "[daemon] activity_records");
  compare(running.memory.ceiling_bytes == fresh.memory.ceiling_bytes, "[memory] ceiling");
  compare(running.memory.margin_bytes == fresh.memory.margin_bytes, "[memory] margin");
  compare(running.models.store == fresh.models.store, "[models] store");
  compare(running.models.catalogue_directories == fresh.models.catalogue_directories,
          "[models] catalogue");
  compare(running.models.built_in_directories == fresh.models.built_in_directories,
          "[models] built_in");
  compare(running.models.keep_alive == fresh.models.keep_alive, "[models] keep_alive");
  compare(running.models.threads == fresh.models.threads, "[models] threads");
  compare(running.models.engine_parameters == fresh.models.engine_parameters, "[models.engine]");
  const Config::Scheduling& a = running.scheduler;
  const Config::Scheduling& b = fresh.scheduler;
  compare(a.limits.max_queued_jobs == b.limits.max_queued_jobs &&
              a.limits.max_queued_bytes == b.limits.max_queued_bytes &&
              a.limits.max_client_jobs == b.limits.max_client_jobs &&
              a.limits.max_client_bytes == b.limits.max_client_bytes && a.lanes == b.lanes &&
              a.contended_quantum == b.contended_quantum && a.idle_quantum == b.idle_quantum &&
              a.ageing == b.ageing,
          "[scheduler]");
  compare(running.worker.directory == fresh.worker.directory &&
              running.worker.sandbox == fresh.worker.sandbox &&
              running.worker.memory_limit_bytes == fresh.worker.memory_limit_bytes &&
              running.worker.start_timeout == fresh.worker.start_timeout &&
              running.worker.oom_score_adj == fresh.worker.oom_score_adj,
          "[worker]");
  compare(running.actions.directories == fresh.actions.directories, "[actions] directories");
  compare(running.actions.trusted_clients == fresh.actions.trusted_clients,
          "[actions] trusted_clients");
  compare(running.logging.target == fresh.logging.target, "[logging] target");
  return keys;
}

}  // namespace intelligenced
