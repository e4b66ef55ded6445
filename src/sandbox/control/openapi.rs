//! The OpenAPI document of the control API.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::endpoint::{Content, Endpoint};
use super::endpoints;
use super::management::TokenManagement;
use super::rejection::Message;
use crate::sandbox::Sandbox;

/// Returns the document. It differs between platforms, because options and seeds do.
pub(super) async fn document<P: TokenManagement>(State(_): State<Sandbox<P>>) -> Json<Value> {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    let mut schemas = settings.into_generator();
    let error = json!({
        "description": "The request is rejected for the reason in the message.",
        "content": { "application/json": { "schema": schemas.subschema_for::<Message>() } },
    });
    let mut paths: BTreeMap<String, BTreeMap<&str, _>> = BTreeMap::new();
    for endpoint in endpoints::<P>() {
        let path = format!("/sandbox{}", endpoint.path.trim_end_matches('/'));
        let operation = operation(&endpoint, &mut schemas);
        paths.entry(path).or_default().insert(endpoint.method, operation);
    }
    Json(json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("Sandbox of {}: control API", P::TITLE),
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Inspects and changes the sandbox while it runs. It requires no token.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "responses": { "Error": error },
            "schemas": schemas.take_definitions(true),
        },
    }))
}

fn operation<P>(endpoint: &Endpoint<P>, schemas: &mut SchemaGenerator) -> Map<String, Value> {
    let mut parameters = path_parameters(endpoint.path);
    if let Some(query) = endpoint.query {
        let schema = query(schemas);
        parameters.extend(query_parameters(&resolved(schema, schemas)));
    }
    let mut answer = object(json!({ "description": "The request succeeded." }));
    let content = match &endpoint.answer.content {
        None => None,
        Some(Content::Json(schema)) => Some(json!({ "application/json": { "schema": schema(schemas) } })),
        Some(Content::Events) => Some(json!({ "text/event-stream": { "schema": { "type": "string" } } })),
    };
    answer.extend(content.map(|content| ("content".to_owned(), content)));
    let mut operation = object(json!({
        "summary": endpoint.summary,
        "operationId": format!("{}{}", endpoint.method, endpoint.path.replace(['{', '}'], "").replace('/', "-")),
        "parameters": parameters,
        "responses": {
            endpoint.answer.status.as_str(): answer,
            "4XX": { "$ref": "#/components/responses/Error" },
        },
    }));
    let body = endpoint.body.as_ref().map(|body| {
        let content = json!({ "application/json": { "schema": (body.schema)(schemas) } });
        json!({ "required": body.required, "content": content })
    });
    operation.extend(body.map(|body| ("requestBody".to_owned(), body)));
    operation
}

/// The fields of an object.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn path_parameters(path: &str) -> Vec<Value> {
    let names = path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    names
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } }))
        .collect()
}

/// The fields of an object as parameters.
fn query_parameters(schema: &Value) -> Vec<Value> {
    let is_required = |name: &str| {
        let required = schema.get("required").and_then(Value::as_array);
        required.is_some_and(|names| names.iter().any(|found| found == name))
    };
    let fields = schema.get("properties").and_then(Value::as_object);
    fields
        .into_iter()
        .flatten()
        .map(|(name, field)| {
            json!({
                "name": name,
                "in": "query",
                "required": is_required(name),
                "description": field.get("description"),
                "schema": field,
            })
        })
        .collect()
}

/// The definition to which a schema refers.
fn resolved(schema: Schema, schemas: &SchemaGenerator) -> Value {
    let reference = schema.get("$ref").and_then(Value::as_str);
    let name = reference.and_then(|reference| reference.rsplit('/').next());
    name.and_then(|name| schemas.definitions().get(name))
        .cloned()
        .unwrap_or_else(|| schema.into())
}
