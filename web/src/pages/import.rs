//! Owns taking files of other tools in: chosen, a folder, or dropped; and what became of each.
//! Must not know any format.

use crate::erased::{kept, live, spawn};
use crate::format;
use crate::link::http;
use crate::link::upload::{self, Chosen, Dropped};
use crate::model::App;
use crate::parts::{Card, ErrorBox};
use leptos::html::Input;
use leptos::prelude::*;
use shared::ids::RunId;
use shared::wire::{ApiError, FileFate, ImportReport, ImportedFile};
use web_sys::DragEvent;

/// What becomes of files that somebody brought. Copies share it.
#[derive(Clone, Copy)]
struct Taking {
    app: App,
    /// How many are on their way.
    under_way: RwSignal<Option<usize>>,
    report: RwSignal<Option<ImportReport>>,
    error: RwSignal<Option<ApiError>>,
}

impl Taking {
    fn refused(self, error: ApiError) {
        self.error.try_set(Some(error));
        self.under_way.try_set(None);
    }

    async fn take(self, files: Vec<Chosen>) {
        if files.is_empty() {
            let sentence = "There are no files in what was chosen: choose files, or a folder that has some.";
            return self.refused(ApiError { error: sentence.to_owned(), detail: None });
        }
        self.under_way.try_set(Some(files.len()));
        self.error.try_set(None);
        let form = match upload::form(&files) {
            Ok(form) => form,
            Err(detail) => return self.not_read(detail),
        };
        match http::post_form::<ImportReport>("/api/v1/imports", &form).await {
            Ok(report) => {
                self.report.try_set(Some(report));
                self.under_way.try_set(None);
                self.app.load_rows(None);
            }
            Err(failure) => {
                self.app.failed(&failure);
                self.refused(failure.error());
            }
        }
    }

    fn not_read(self, detail: String) {
        let sentence = "The browser did not give the files: they may have been moved meanwhile; choose them again.";
        self.refused(ApiError { error: sentence.to_owned(), detail: Some(detail) });
    }
}

/// The card.
#[component]
pub fn Import() -> impl IntoView {
    let taking = Taking {
        app: App::get(),
        under_way: RwSignal::new(None),
        report: RwSignal::new(None),
        error: RwSignal::new(None),
    };
    let over = RwSignal::new(false);
    let dropped = move |event: DragEvent| {
        event.prevent_default();
        over.set(false);
        let Some(transfer) = event.data_transfer() else { return };
        let dropped = Dropped::of(&transfer);
        spawn(async move {
            match dropped.files().await {
                Ok(files) => taking.take(files).await,
                Err(detail) => taking.not_read(detail),
            }
        });
    };
    let dragged = move |event: DragEvent| {
        event.prevent_default();
        over.set(true);
    };
    view! {
        <Card title="Import" about="Results of vllm bench serve and sweep, GuideLLM, AIPerf and the published study. Files of one sweep become one run; the same file is not taken twice.">
            <div
                class="drop"
                data-over=move || over.get().to_string()
                data-testid="drop"
                on:dragover=dragged
                on:dragleave=move |_| over.set(false)
                on:drop=dropped
            >
                <span>"Drop files or folders here, or"</span>
                <Picker label="Choose files" folder=false taking=taking/>
                <Picker label="Choose a folder" folder=true taking=taking/>
            </div>
            {live(move || taking.under_way.get().map(|n| view! {
                <p class="quiet" role="status">{format!("Reading {n} {}…", if n == 1 { "file" } else { "files" })}</p>
            }))}
            <ErrorBox error=taking.error/>
            {live(move || taking.report.get().map(report))}
        </Card>
    }
    .into_any()
}

/// A button that opens the browser's choice of files.
#[component]
fn Picker(label: &'static str, folder: bool, taking: Taking) -> impl IntoView {
    let field = NodeRef::<Input>::new();
    let chosen = move |_| {
        let Some(field) = field.get_untracked() else { return };
        let files = field.files().map(|list| upload::of_list(&list)).unwrap_or_default();
        // The same files can be chosen once more.
        field.set_value("");
        if !files.is_empty() {
            spawn(taking.take(files));
        }
    };
    let testid = if folder { "import-folder" } else { "import-files" };
    let busy = kept(move || taking.under_way.with(Option::is_some));
    view! {
        <label class="button picker">
            {label}
            <input
                type="file"
                multiple
                prop:webkitdirectory=folder
                class="unseen"
                data-testid=testid
                disabled=move || busy.get()
                node_ref=field
                on:change=chosen
            />
        </label>
    }
    .into_any()
}

/// How many files came to what, in a sentence.
fn summary(report: &ImportReport) -> String {
    let count = |is: fn(&FileFate) -> bool| report.files.iter().filter(|file| is(&file.fate)).count() as u64;
    let parts = [
        (count(|fate| matches!(fate, FileFate::Imported { .. })), "imported"),
        (count(|fate| matches!(fate, FileFate::Known { .. })), "there already"),
        (count(|fate| matches!(fate, FileFate::Refused { .. })), "refused"),
    ];
    let said: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, words)| format!("{} {words}", format::count(*n))).collect();
    let new = report.new_runs().len() as u64;
    let runs = if new == 1 { "one new run".to_owned() } else { format!("{} new runs", format::count(new)) };
    let files = if report.files.len() == 1 {
        "One file".to_owned()
    } else {
        format!("{} files", format::count(report.files.len() as u64))
    };
    format!("{files}: {}; {runs}.", said.join(", "))
}

/// What became of each file.
fn report(report: ImportReport) -> AnyView {
    let new: Vec<String> = report.new_runs().into_iter().map(ToString::to_string).collect();
    let said = summary(&report);
    view! {
        <p role="status" data-testid="import-summary">
            {said}" "
            {(new.len() > 1).then(|| view! { <a href=format!("/compare?runs={}", new.join(","))>"Compare the new runs"</a> })}
        </p>
        <div class="scroll" tabindex="0" role="region" aria-label="What became of each file">
            <table>
                <thead><tr><th scope="col">"File"</th><th scope="col">"What became of it"</th></tr></thead>
                <tbody>{report.files.into_iter().map(line).collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn line(file: ImportedFile) -> AnyView {
    let app = App::get();
    let link = move |run: RunId| {
        let row = app.row(run.clone());
        let name = run.to_string();
        let name = move || row.with(|row| row.as_ref().map_or_else(|| name.clone(), |row| row.name.clone()));
        view! { " "<a href=format!("/runs/{run}")>{live(name)}</a> }.into_any()
    };
    let fate = match file.fate {
        FileFate::Imported { runs } => {
            view! { <span class="shape" aria-hidden="true">"✓ "</span>"imported as"{runs.into_iter().map(link).collect_view()} }
                .into_any()
        }
        FileFate::Known { runs } => {
            view! { <span class="shape" aria-hidden="true">"○ "</span>"there already:"{runs.into_iter().map(link).collect_view()} }
                .into_any()
        }
        FileFate::Refused { why } => {
            view! { <span class="shape bad" aria-hidden="true">"✕ "</span>"refused: "{why} }.into_any()
        }
    };
    view! { <tr data-testid="imported-file"><td class="file-name">{file.name}</td><td>{fate}</td></tr> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_by_what_became_of_them() {
        let run = RunId::new(1, 1);
        let file = |fate| ImportedFile { name: String::new(), fate };
        let imported = || file(FileFate::Imported { runs: vec![run.clone()] });
        let refused = file(FileFate::Refused { why: String::new() });
        let report = ImportReport { files: vec![imported(), imported(), refused] };
        assert_eq!(summary(&report), "3 files: 2 imported, 1 refused; one new run.");
        let known = ImportReport { files: vec![file(FileFate::Known { runs: vec![run.clone()] })] };
        assert_eq!(summary(&known), "One file: 1 there already; 0 new runs.");
    }
}
