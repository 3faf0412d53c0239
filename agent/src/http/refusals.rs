//! Owns what is documented of every route alike: that it refuses what it cannot read, and whoever has no token.
//! Must not know what a route does.

use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, ResponseBuilder};

/// Adds to each route what it refuses without saying so itself.
pub(super) fn document(api: &mut OpenApi) {
    for item in api.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let reads =
                operation.request_body.is_some() || operation.parameters.as_ref().is_some_and(|all| !all.is_empty());
            if reads {
                add(operation, "400", "A path, query or body that cannot be read");
            }
            if operation.security.is_none() {
                add(operation, "401", "No token, or one that is not, or no longer, known");
            }
        }
    }
}

fn add(operation: &mut Operation, status: &str, description: &str) {
    let error = Content::new(Some(Ref::from_schema_name("ApiError")));
    let response = ResponseBuilder::new().description(description).content("application/json", error);
    operation.responses.responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(response.build()));
}
