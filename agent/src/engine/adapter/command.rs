//! Owns the arguments and variables that an engine is started with: model, name, address, parameters, extra arguments.
//! Must not know whether they go to a process of this host or into a container.

use super::flag::Passed;
use super::version::Version;
use super::{Adapter, Address};
use shared::engine::ParamValue;
use std::collections::BTreeMap;

/// What an engine is to serve.
#[derive(Clone, Debug)]
pub struct Serving<'a> {
    /// The model: an id, or a folder or file of the host.
    pub model: &'a str,
    /// The name that requests give it, where the plan has one.
    pub name: Option<&'a str>,
    /// The configuration's parameters.
    pub params: &'a BTreeMap<String, ParamValue>,
    /// Arguments that follow all others.
    pub extra: &'a [String],
    /// The plan's prompts are to find one another's beginnings in a cache.
    pub reuses_prefixes: bool,
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

impl Adapter {
    /// The name that the server knows the model by.
    #[must_use]
    pub fn served_name(&self, serving: &Serving<'_>) -> String {
        match (self.name, serving.name) {
            (Some(_), Some(name)) => name.to_owned(),
            _ => serving.model.to_owned(),
        }
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
    ) -> Result<(Vec<String>, Vec<(&'static str, String)>), Refused> {
        let objection = |argument: &String| version.and_then(|version| self.history.objection(version, argument));
        let mut args: Vec<String> = Vec::new();
        args.extend(self.model.map(str::to_owned));
        args.push(serving.model.to_owned());
        if let Some(flag) = self.name {
            args.extend([flag.to_owned(), self.served_name(serving)]);
        }
        if let Some(flag) = self.host {
            args.extend([flag.to_owned(), bind.host.to_owned()]);
        }
        let port = if self.address == Address::Printed { 0 } else { bind.port };
        args.extend(["--port".to_owned(), port.to_string()]);
        args.extend(self.always.iter().map(|arg| (*arg).to_owned()));
        let mut variables = Vec::new();
        for entry in self.entries {
            let planned = serving.params.get(&*entry.parameter.key);
            let Some(value) = planned.cloned().or_else(|| entry.our_value(serving.reuses_prefixes)) else { continue };
            let Passed { args: passed, variable } = entry.pass(&value);
            if planned.is_none() && passed.iter().any(|arg| objection(arg).is_some()) {
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
