// Notes, lists and reminders with actions: what the README calls the example app.
//
//   notes-example [--folder FOLDER] [--socket SOCKET] [--idle SECONDS]   serves until it is idle
//   notes-example --declaration [--folder FOLDER]                        prints its declaration
#include <intelligence/action_provider.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "clients/examples/notes/notebook.h"

namespace notes {
namespace {

using intelligence::actions::Action;
using intelligence::actions::DateTime;
using intelligence::actions::Entity;
using intelligence::actions::EntityKind;
using intelligence::actions::EntityOf;
using intelligence::actions::List;
using intelligence::actions::ListOf;
using intelligence::actions::Provider;
using intelligence::actions::Result;
using intelligence::actions::Run;
using intelligence::actions::TypeOf;
using intelligence::actions::ValueType;

std::string Show(const DateTime& when) {
  return absl::StrFormat("%04d-%02d-%02d %02d:%02d", when.date.year, when.date.month, when.date.day,
                         when.time.hours, when.time.minutes);
}

EntityKind KindOf(Notebook& notebook, const std::string& id, const std::string& title,
                  const std::string& kind) {
  return EntityKind(id, title).All([&notebook, kind, id] {
    std::vector<Entity> all;
    for (const Page& page : notebook.All(kind)) {
      Entity entity{.id = page.key, .title = page.title};
      if (id == "list") entity.synonyms = {page.title + " list"};
      if (id == "reminder" && !page.lines.empty()) entity.subtitle = page.lines.front();
      all.push_back(std::move(entity));
    }
    return all;
  });
}

List AsList(const std::vector<std::string>& lines) { return List(lines.begin(), lines.end()); }

std::string AsMarkdown(const Page& page) {
  return absl::StrCat("## ", page.title, "\n\n",
                      page.lines.empty() ? "" : "- " + absl::StrJoin(page.lines, "\n- ") + "\n");
}

// What fits a line of a file, and a sentence that names it.
ValueType Line() { return {.kind = ValueType::Kind::kString, .maximum = 200}; }

void AddLists(Provider& provider, Notebook& notebook) {
  provider.Add(Action("add-to-list")
                   .Title("Add to a list")
                   .Description("Adds an item to one of the lists.")
                   .Phrase("add {item} to my {list} list")
                   .Phrase("add {item} to the {list} list")
                   .Phrase("add {item} to {list}")
                   .Phrase("put {item} on my {list} list")
                   .Phrase("put {item} on the {list} list")
                   .Phrase("write {item} on my {list} list")
                   .Parameter("item", Line(), {.prompt = "What should be added?"})
                   .Parameter("list", EntityOf("list"), {.prompt = "Which list?"})
                   .Handle([&notebook](Run& run) -> absl::StatusOr<Result> {
                     const auto item = run.Get<std::string>("item");
                     const auto list = run.Get<Entity>("list");
                     if (absl::Status status = notebook.Append("lists", list.id, item);
                         !status.ok()) {
                       return status;
                     }
                     return Result{.dialog = absl::StrCat("Added ", item, " to ", list.title, ".")};
                   }));
  provider.Add(
      Action("remove-from-list")
          .Title("Take off a list")
          .Description("Takes an item off one of the lists.")
          .Phrase("remove {item} from my {list} list")
          .Phrase("remove {item} from the {list} list")
          .Phrase("take {item} off my {list} list")
          .Phrase("cross {item} off the {list} list")
          .Parameter("item", Line(), {.prompt = "What should be taken off?"})
          .Parameter("list", EntityOf("list"), {.prompt = "Which list?"})
          .Handle([&notebook](Run& run) -> absl::StatusOr<Result> {
            const auto item = run.Get<std::string>("item");
            const auto list = run.Get<Entity>("list");
            const absl::StatusOr<int> removed = notebook.RemoveLine("lists", list.id, item);
            if (!removed.ok()) return removed.status();
            if (*removed == 0) {
              return absl::NotFoundError(absl::StrCat(item, " is not on ", list.title, "."));
            }
            return Result{.dialog = absl::StrCat("Took ", item, " off ", list.title, ".")};
          }));
  provider.Add(
      Action("show-list")
          .Title("Show a list")
          .Description("Shows what is on one of the lists.")
          .Phrase("show my {list} list")
          .Phrase("what is on my {list} list")
          .Phrase("read the {list} list")
          .Parameter("list", EntityOf("list"), {.prompt = "Which list?"})
          .Returns(ListOf(TypeOf<std::string>()))
          .Handle([&notebook](Run& run) -> absl::StatusOr<Result> {
            const absl::StatusOr<Page> page = notebook.Read("lists", run.Get<Entity>("list").id);
            if (!page.ok()) return page.status();
            return Result{.value = AsList(page->lines),
                          .dialog = page->lines.empty()
                                        ? absl::StrCat(page->title, " is empty.")
                                        : absl::StrCat(page->title, ": ",
                                                       absl::StrJoin(page->lines, ", "), "."),
                          .snippet = {.markdown = AsMarkdown(*page)}};
          }));
  provider.Add(Action("create-list")
                   .Title("Create a list")
                   .Description("Makes a new, empty list.")
                   .Phrase("create a list called {name}")
                   .Phrase("make a new list named {name}")
                   .Phrase("start a {name} list")
                   .Parameter("name", Line(), {.prompt = "What is its name?"})
                   .Handle([&notebook](Run& run) -> absl::StatusOr<Result> {
                     const auto page = notebook.Create("lists", run.Get<std::string>("name"), {});
                     if (!page.ok()) return page.status();
                     return Result{.dialog =
                                       absl::StrCat("There is a list ", page->title, " now.")};
                   }));
  provider.Add(Action("clear-list")
                   .Title("Empty a list")
                   .Description("Takes everything off one of the lists.")
                   .Phrase("clear my {list} list")
                   .Phrase("empty the {list} list")
                   .Parameter("list", EntityOf("list"), {.prompt = "Which list?"})
                   .RequiresConfirmation()
                   .Handle([&notebook](Run& run) -> absl::StatusOr<Result> {
                     const auto list = run.Get<Entity>("list");
                     if (absl::Status status = notebook.Clear("lists", list.id); !status.ok()) {
                       return status;
                     }
                     return Result{.dialog = absl::StrCat(list.title, " is empty now.")};
                   }));
  provider.Add(Action("delete-list")
                   .Title("Delete a list")
                   .Description("Deletes one of the lists with everything on it.")
                   .Phrase("delete my {list} list")
                   .Phrase("delete the {list} list")
                   .Phrase("get rid of the {list} list")
                   .Parameter("list", EntityOf("list"), {.prompt = "Which list?"})
                   .Destructive()
                   .Handle([&notebook](Run& run) -> absl::StatusOr<Result> {
                     const auto list = run.Get<Entity>("list");
                     if (absl::Status status = notebook.Delete("lists", list.id); !status.ok()) {
                       return status;
                     }
                     return Result{.dialog = absl::StrCat("Deleted ", list.title, ".")};
                   }));
}

void AddNotes(Provider& provider, Notebook& notebook) {
  const ValueType text{.kind = ValueType::Kind::kString, .multiline = true};
  provider.Add(Action("create-note")
                   .Title("Write a note")
                   .Description("Writes a new note.")
                   .Phrase("make a note that {text}")
                   .Phrase("take a note: {text}")
                   .Phrase("note down {text}")
                   .Phrase("write a note saying {text}")
                   .Parameter("text", text, {.prompt = "What should it say?"})
                   .Parameter("title", Line(), {.optional = true})
                   .Handle([&notebook](Run& run) -> absl::StatusOr<Result> {
                     const auto words = run.Get<std::string>("text");
                     const std::string title =
                         run.Find<std::string>("title").value_or(words.substr(0, words.find('\n')));
                     const auto page = notebook.Create("notes", title, {words});
                     if (!page.ok()) return page.status();
                     return Result{.dialog = "Noted."};
                   }));
  provider.Add(Action("append-to-note")
                   .Title("Add to a note")
                   .Description("Adds a line to a note.")
                   .Phrase("append {text} to the note {note}")
                   .Phrase("add {text} to the note {note}")
                   .Parameter("text", text, {.prompt = "What should be added?"})
                   .Parameter("note", EntityOf("note"), {.prompt = "Which note?"})
                   .Handle([&notebook](Run& run) -> absl::StatusOr<Result> {
                     const auto note = run.Get<Entity>("note");
                     absl::Status status =
                         notebook.Append("notes", note.id, run.Get<std::string>("text"));
                     if (!status.ok()) return status;
                     return Result{.dialog = absl::StrCat("Added to ", note.title, ".")};
                   }));
  provider.Add(Action("show-note")
                   .Title("Show a note")
                   .Description("Shows one of the notes.")
                   .Phrase("show the note {note}")
                   .Phrase("read me the note about {note}")
                   .Phrase("open the note {note}")
                   .Parameter("note", EntityOf("note"), {.prompt = "Which note?"})
                   .Returns(text)
                   .Handle([&notebook](Run& run) -> absl::StatusOr<Result> {
                     const auto page = notebook.Read("notes", run.Get<Entity>("note").id);
                     if (!page.ok()) return page.status();
                     const std::string words = absl::StrJoin(page->lines, "\n");
                     return Result{
                         .value = words, .dialog = page->title, .snippet = {.markdown = words}};
                   }));
  provider.Add(Action("search-notes")
                   .Title("Search the notes")
                   .Description("Finds the notes that have some words.")
                   .Phrase("search my notes for {words}")
                   .Phrase("find notes about {words}")
                   .Parameter("words", Line(), {.prompt = "Which words?"})
                   .Returns(ListOf(TypeOf<std::string>()))
                   .Handle([&notebook](Run& run) -> absl::StatusOr<Result> {
                     const auto words = run.Get<std::string>("words");
                     List found;
                     for (const Page& page : notebook.All("notes")) {
                       const std::string all =
                           absl::StrCat(page.title, "\n", absl::StrJoin(page.lines, "\n"));
                       if (absl::StrContainsIgnoreCase(all, words)) found.emplace_back(page.title);
                     }
                     return Result{.value = found, .dialog = absl::StrCat(found.size(), " found.")};
                   }));
  provider.Add(Action("delete-note")
                   .Title("Delete a note")
                   .Description("Deletes one of the notes.")
                   .Phrase("delete the note {note}")
                   .Phrase("throw away the note about {note}")
                   .Parameter("note", EntityOf("note"), {.prompt = "Which note?"})
                   .Destructive()
                   .Handle([&notebook](Run& run) -> absl::StatusOr<Result> {
                     const auto note = run.Get<Entity>("note");
                     if (absl::Status status = notebook.Delete("notes", note.id); !status.ok()) {
                       return status;
                     }
                     return Result{.dialog = absl::StrCat("Deleted ", note.title, ".")};
                   }));
}

void AddReminders(Provider& provider, Notebook& notebook) {
  provider.Add(Action("create-reminder")
                   .Title("Create a reminder")
                   .Description("Reminds of something at a time.")
                   .Phrase("remind me to {what} {when}")
                   .Phrase("remind me {when} to {what}")
                   .Phrase("remind me to {what}")
                   .Phrase("set a reminder to {what} {when}")
                   .Parameter("what", Line(), {.prompt = "What about?"})
                   .Parameter<DateTime>("when", {.prompt = "When?"})
                   .Handle([&notebook](Run& run) -> absl::StatusOr<Result> {
                     const auto what = run.Get<std::string>("what");
                     const std::string when = Show(run.Get<DateTime>("when"));
                     const auto page = notebook.Create("reminders", what, {when});
                     if (!page.ok()) return page.status();
                     return Result{
                         .dialog = absl::StrCat("I will remind you to ", what, " at ", when, ".")};
                   }));
  provider.Add(Action("list-reminders")
                   .Title("List the reminders")
                   .Description("Says what there is to be reminded of.")
                   .Phrase("show my reminders")
                   .Phrase("what are my reminders")
                   .Phrase("list all reminders")
                   .Returns(ListOf(TypeOf<std::string>()))
                   .Handle([&notebook](Run&) -> absl::StatusOr<Result> {
                     std::vector<std::string> all;
                     for (const Page& page : notebook.All("reminders")) {
                       all.push_back(absl::StrCat(page.lines.empty() ? "" : page.lines.front(), " ",
                                                  page.title));
                     }
                     return Result{.value = AsList(all),
                                   .dialog = all.empty() ? "There are no reminders."
                                                         : absl::StrJoin(all, "; ") + "."};
                   }));
  provider.Add(Action("delete-reminder")
                   .Title("Delete a reminder")
                   .Description("Forgets a reminder.")
                   .Phrase("delete the reminder {reminder}")
                   .Phrase("forget the reminder to {reminder}")
                   .Parameter("reminder", EntityOf("reminder"), {.prompt = "Which reminder?"})
                   .RequiresConfirmation()
                   .Handle([&notebook](Run& run) -> absl::StatusOr<Result> {
                     const auto reminder = run.Get<Entity>("reminder");
                     absl::Status status = notebook.Delete("reminders", reminder.id);
                     if (!status.ok()) return status;
                     return Result{.dialog = absl::StrCat("Forgot ", reminder.title, ".")};
                   }));
}

int Main(const std::vector<std::string>& arguments) {
  const passwd* user = getpwuid(getuid());
  std::string folder = absl::StrCat(user == nullptr ? "/tmp" : user->pw_dir,
                                    "/.local/share/intelligenced-notes-example");
  intelligence::actions::ServeOptions options;
  options.idle_timeout = absl::Minutes(5);
  bool declaration = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const std::string value = i + 1 < arguments.size() ? arguments[i + 1] : "";
    double seconds = 0;
    if (argument == "--declaration") {
      declaration = true;
    } else if (argument == "--folder" && !value.empty()) {
      folder = std::filesystem::absolute(value);
      ++i;
    } else if (argument == "--socket" && !value.empty()) {
      options.client.socket_path = value;
      ++i;
    } else if (argument == "--idle" && absl::SimpleAtod(value, &seconds)) {
      options.idle_timeout = absl::Seconds(seconds);
      ++i;
    } else {
      std::cerr << "usage: notes-example [--folder FOLDER] [--socket SOCKET] [--idle SECONDS] "
                   "[--declaration]\n";
      return 2;
    }
  }
  Notebook notebook(folder);
  Provider provider("org.intelligenced.NotesExample", "Notes");
  provider.Add(KindOf(notebook, "list", "list", "lists"))
      .Add(KindOf(notebook, "note", "note", "notes"))
      .Add(KindOf(notebook, "reminder", "reminder", "reminders"));
  AddLists(provider, notebook);
  AddNotes(provider, notebook);
  AddReminders(provider, notebook);
  if (declaration) {
    std::error_code error;
    std::cout << provider.DeclarationFile(
        {std::filesystem::read_symlink("/proc/self/exe", error), "--folder", folder});
    return 0;
  }
  if (notebook.All("lists").empty()) {
    static_cast<void>(notebook.Create("lists", "Shopping", {}));
  }
  const absl::Status status = provider.Serve(options);
  if (status.ok()) return 0;
  std::cerr << "notes-example: " << status.message() << "\n";
  return 1;
}

}  // namespace
}  // namespace notes

int main(int argc, char** argv) {
  return notes::Main(std::vector<std::string>(argv + 1, argv + argc));
}
