//! One table of endpoints is both the router and the OpenAPI document, so that neither can lack an endpoint of the
//! other.

use axum::Router;
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::management::TokenManagement;
use super::{method_not_allowed, not_found};
use crate::sandbox::Sandbox;

/// An endpoint of the control API and its documentation.
pub struct Endpoint<P> {
    pub(super) method: &'static str,
    /// The path relative to `/sandbox`.
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    pub(super) query: Option<MakeSchema>,
    pub(super) body: Option<Body>,
    pub(super) answer: Answer,
    handler: MethodRouter<Sandbox<P>>,
}

/// Creates the schema of a type.
pub(super) type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// The JSON body of a request.
pub(super) struct Body {
    pub(super) schema: MakeSchema,
    pub(super) required: bool,
}

/// The answer to a request that succeeds.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content: Option<Content>,
}

/// The content of an answer.
pub(super) enum Content {
    Json(MakeSchema),
    Events,
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

impl<P: TokenManagement> Endpoint<P> {
    /// An endpoint that answers 204 without a body.
    pub(crate) fn new<H, T>(filter: MethodFilter, path: &'static str, handler: H, summary: &'static str) -> Self
    where
        H: Handler<T, Sandbox<P>>,
        T: 'static,
    {
        Self {
            method: name(filter),
            path,
            summary,
            query: None,
            body: None,
            answer: Answer {
                status: StatusCode::NO_CONTENT,
                content: None,
            },
            handler: on(filter, handler),
        }
    }

    /// The fields of this type are parameters of the query.
    pub(super) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(schema::<T>);
        self
    }

    /// The request has a body of this type.
    pub(super) fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(Body {
            schema: schema::<T>,
            required: true,
        });
        self
    }

    /// The request may have a body of this type.
    pub(super) fn optional_body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(Body {
            schema: schema::<T>,
            required: false,
        });
        self
    }

    /// The answer has content of this type.
    pub(crate) fn answers<T: JsonSchema>(mut self) -> Self {
        self.answer = Answer {
            status: StatusCode::OK,
            content: Some(Content::Json(schema::<T>)),
        };
        self
    }

    /// The answer is 201 with content of this type.
    pub(super) fn creates<T: JsonSchema>(self) -> Self {
        let mut this = self.answers::<T>();
        this.answer.status = StatusCode::CREATED;
        this
    }

    /// The answer is a stream of server-sent events.
    pub(super) fn streams(mut self) -> Self {
        self.answer = Answer {
            status: StatusCode::OK,
            content: Some(Content::Events),
        };
        self
    }
}

fn name(filter: MethodFilter) -> &'static str {
    let names = [
        (MethodFilter::GET, "get"),
        (MethodFilter::POST, "post"),
        (MethodFilter::PUT, "put"),
        (MethodFilter::PATCH, "patch"),
        (MethodFilter::DELETE, "delete"),
    ];
    names
        .into_iter()
        .find(|(found, _)| *found == filter)
        .map_or("trace", |(_, name)| name)
}

/// The router of these endpoints.
pub(super) fn router<P: TokenManagement>(endpoints: Vec<Endpoint<P>>) -> Router<Sandbox<P>> {
    let router = endpoints.into_iter().fold(Router::new(), |router, endpoint| {
        router.route(endpoint.path, endpoint.handler)
    });
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
}
