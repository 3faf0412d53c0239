//! Owns the arguments and variables that an engine is started with: model, name, address, parameters, extra arguments.
//! Must not know whether they go to a process of this host or into a container.

use super::flag::{Entry, Passed};
use super::version::Version;
use super::{Adapter, Model};
use shared::engine::ParamValue;
use std::collections::BTreeMap;

/// What an engine is to serve.
#[derive(Clone, Debug)]
pub struct Serving<'a> {
    /// The model: an id, or a folder or file of the host.
    pub model: &'a str,
    /// The name that requests give it, where the plan says.
    pub name: Option<&'a str>,
    /// The configuration's parameters.
    pub params: &'a BTreeMap<String, ParamValue>,
    /// Arguments that follow all others.
    pub extra: &'a [String],
    /// The plan's prompts are to find one another's beginnings in a cache.
    pub reuses_prefixes: bool,
}

impl Serving<'_> {
    /// The value that a parameter has: the plan's, else ours; absent where the engine's own default holds.
    fn value(&self, entry: &Entry) -> Option<ParamValue> {
        self.params.get(&*entry.parameter.key).cloned().or_else(|| entry.our_value(self.reuses_prefixes))
    }
}

/// Where it listens.
#[derive(Clone, Copy, Debug)]
pub struct Bind {
    /// Address.
    pub host: &'static str,
    /// Port.
    pub port: u16,
}

/// An argument that this version is known not to know, as a sentence with what to do.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused(pub String);

/// Arguments, and variables with their values.
pub type ArgumentsAndVariables = (Vec<String>, Vec<(&'static str, String)>);

impl Adapter {
    /// The id that the server is to list; absent where it is the server's own choice.
    #[must_use]
    pub fn listed_model(&self, serving: &Serving<'_>) -> Option<String> {
        let listed = match (self.model, self.name) {
            (Model::OfItsOwn, _) => serving.name,
            (_, Some(_)) => Some(serving.name.unwrap_or(serving.model)),
            (_, None) => Some(serving.model),
        };
        listed.map(str::to_owned)
    }

    /// The value that the parameter of a key has: the plan's, else ours.
    #[must_use]
    pub fn value(&self, key: &str, serving: &Serving<'_>) -> Option<ParamValue> {
        serving.value(self.entries.iter().find(|entry| entry.parameter.key == key)?)
    }

    /// What follows program and `serve`, and the variables beside it. A value of ours that the version does not know
    /// is left out; an argument of the plan's is refused.
    ///
    /// # Errors
    /// [`Refused`] for the first argument that this version does not know.
    pub fn passed(
        &self,
        serving: &Serving<'_>,
        bind: Bind,
        version: Option<Version>,
    ) -> Result<ArgumentsAndVariables, Refused> {
        let objection = |argument: &String| version.and_then(|version| self.history.objection(version, argument));
        let mut args: Vec<String> = Vec::new();
        match self.model {
            Model::Alone => args.push(serving.model.to_owned()),
            Model::Behind(flag) => args.extend([flag.to_owned(), serving.model.to_owned()]),
            Model::OfItsOwn => {}
        }
        if let Some(flag) = self.name {
            args.extend([flag.to_owned(), serving.name.unwrap_or(serving.model).to_owned()]);
        }
        if let Some(flag) = self.host {
            args.extend([flag.to_owned(), bind.host.to_owned()]);
        }
        args.extend(["--port".to_owned(), bind.port.to_string()]);
        args.extend(self.always.iter().map(|arg| (*arg).to_owned()));
        let mut variables = Vec::new();
        for entry in self.entries {
            let Some(value) = serving.value(entry) else { continue };
            let Passed { args: passed, variable } = entry.pass(&value);
            let is_planned = serving.params.contains_key(&*entry.parameter.key);
            if !is_planned && passed.iter().any(|arg| objection(arg).is_some()) {
                continue;
            }
            args.extend(passed);
            variables.extend(variable);
        }
        args.extend(serving.extra.iter().cloned());
        match args.iter().find_map(objection) {
            Some(sentence) => Err(Refused(sentence)),
            None => Ok((args, variables)),
        }
    }
}
