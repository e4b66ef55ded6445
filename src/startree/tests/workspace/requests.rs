//! The number of requests of a run: it grows with the roles and with the changes, not with tokens
//! times roles.

use super::*;

const ROLES: usize = 100;

/// Declares roles and tokens. Each token has one or two of the roles.
fn declared(roles: usize, tokens: usize, release: &str) -> Configuration {
    let mut declared = Configuration::new();
    let role_address = |number: usize| format!("startree_role.r{:03}", number % roles);
    for number in 0..roles {
        declared
            .resources
            .insert(role_address(number), role(&format!("role-{number:03}")));
    }
    for number in 0..tokens {
        let address = format!("startree_service_token.t{number:02}");
        declared
            .resources
            .insert(address.clone(), token(&format!("token {number}"), release, None));
        for held in 0..=number % 2 {
            let role = role_address(number * 7 + held);
            declared.resources.insert(
                format!("startree_role_assignment.t{number:02}_{held}"),
                assignment(&role, &address),
            );
        }
    }
    declared
}

fn without(mut declared: Configuration, kind: &str) -> Configuration {
    declared
        .resources
        .retain(|address, _| address.starts_with("startree_role.") || !address.starts_with(kind));
    declared
}

#[tokio::test(start_paused = true)]
async fn requests_for_ten_tokens_and_a_hundred_roles_grow_with_the_changes() {
    let (tokens, assignments) = (10, 15);
    let world = World::new(Options::default());
    let created = world.apply(&declared(ROLES, tokens, "1")).await.succeeds();
    // A refresh reads every role, every token, and the assignments of every role.
    let refresh = 2 * ROLES + tokens + 10;
    let planned = world.apply(&declared(ROLES, tokens, "1")).await.changes_nothing();
    assert!(planned.requests <= refresh, "{} > {refresh}", planned.requests);

    let rotated = world.apply(&declared(ROLES, tokens, "2")).await.succeeds();
    let most = refresh + ROLES + 10 * tokens + 8 * assignments;
    assert!(rotated.requests <= most, "{} > {most}", rotated.requests);
    for number in 0..tokens {
        let key = world.key(&format!("t{number:02}"));
        let held = world.sandbox.roles().into_values();
        let held = held.filter(|role| role.subjects().any(|subject| subject.subject == key));
        assert_eq!(held.count(), 1 + number % 2);
    }
    assert_eq!(world.keys().len(), tokens);

    // The roles are kept.
    let tokens_only = without(declared(ROLES, tokens, "2"), "startree_");
    let destroyed = world.apply(&tokens_only).await.succeeds();
    let most = refresh + ROLES + 6 * tokens + 3 * assignments;
    assert!(destroyed.requests <= most, "{} > {most}", destroyed.requests);
    assert!(world.keys().is_empty());
    eprintln!(
        "created {}, planned {}, rotated {}, destroyed {}",
        created.requests, planned.requests, rotated.requests, destroyed.requests
    );
}

#[tokio::test(start_paused = true)]
async fn requests_for_one_rotation_grow_by_one_read_per_role() {
    for roles in [1, 10, 100] {
        let world = World::new(Options::default());
        for number in 0..roles {
            world.sandbox.add_role(&format!("other-{number}"), None);
        }
        let declared = |release| {
            let mut declared = without(declared(1, 1, release), "none");
            declared
                .resources
                .insert("startree_role.r000".to_owned(), role("role-000"));
            declared
        };
        world.apply(&declared("1")).await.succeeds();
        let rotated = world.apply(&declared("2")).await.succeeds();
        // The plan's process and the apply's process each read them once.
        let most = 2 * roles + 30;
        assert!(rotated.requests <= most, "{roles} roles: {} > {most}", rotated.requests);
    }
}
