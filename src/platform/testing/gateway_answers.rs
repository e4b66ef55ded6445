//! Answers of real gateways and proxies to requests whose path they do not know.

use crate::sandbox::Fault;

/// Answers of gateways, proxies and mocks that could be taken for "not found" or an empty list.
pub(crate) fn gateway_answers() -> Vec<Fault> {
    let json = |status, body| {
        Fault::answer(status)
            .header("content-type", "application/json")
            .body(body)
    };
    let text = |status, body| Fault::answer(status).header("content-type", "text/plain").body(body);
    vec![
        // Traefik
        text(404, "404 page not found\n"),
        // Kubernetes' default backend
        text(404, "default backend - 404"),
        // Kong
        json(
            404,
            r#"{"message":"no Route matched with those values","request_id":"3f2c0a5d1e6b7a49"}"#,
        ),
        // Spring Boot
        json(
            404,
            r#"{"timestamp":"2027-01-01T00:00:00.000+00:00","status":404,"error":"Not Found","path":"/api/v1"}"#,
        ),
        // AWS API Gateway
        json(404, r#"{"message":"Not Found"}"#),
        // Azure API Management
        json(404, r#"{ "statusCode": 404, "message": "Resource not found" }"#),
        // FastAPI and Django REST framework
        json(404, r#"{"detail":"Not Found"}"#),
        // Tyk
        json(404, r#"{"error": "Not Found"}"#),
        // Envoy
        Fault::answer(404),
        // A load balancer's fixed response, and mocks
        Fault::answer(204),
        json(200, "null"),
    ]
}
