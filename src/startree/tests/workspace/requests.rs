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

/// The requests of four runs.
#[derive(Clone, Copy, Debug)]
struct Requests {
    /// A plan without changes.
    plan: usize,
    /// An apply that rotates one token, with its plan.
    rotate_one: usize,
    /// An apply that rotates all tokens, with its plan.
    rotate_all: usize,
    /// An apply that deletes all tokens, with its plan.
    delete_all: usize,
}

impl Requests {
    /// Returns the figures in the order of the documented table.
    fn all(self) -> [usize; 4] {
        [self.plan, self.rotate_one, self.rotate_all, self.delete_all]
    }
}

/// Measures the requests for this number of tokens, each with one of the environment's roles.
async fn measure(roles: usize, tokens: usize) -> Requests {
    let world = World::new(Options::default());
    for predefined in ["rbac-admin", "table-reader"] {
        world.sandbox.delete_role_outside(predefined);
    }
    for number in 1..roles {
        world.sandbox.add_role(&format!("role-{number}"), None);
    }
    let names: Vec<_> = world.sandbox.roles().into_keys().collect();
    assert_eq!(names.len(), roles);
    let declared = |release: fn(usize) -> &'static str| {
        let mut declared = Configuration::new();
        for number in 0..tokens {
            let address = format!("startree_service_token.t{number}");
            let block = token(&format!("token {number}"), release(number), None);
            declared.resources.insert(address.clone(), block);
            let config = role_assignment::RoleAssignment {
                role: names[number % roles].as_str().into(),
                subject_type: "service-token".into(),
                ..role_assignment::RoleAssignment::default()
            };
            let assigned = ResourceBlock::new(config).referring("subject", &address, "access_key");
            let address = format!("startree_role_assignment.t{number}");
            declared.resources.insert(address, assigned);
        }
        declared
    };
    world.apply(&declared(|_| "1")).await.succeeds();
    let plan = world.apply(&declared(|_| "1")).await.changes_nothing();
    let rotate_one = world
        .apply(&declared(|number| if number == 0 { "2" } else { "1" }))
        .await;
    let rotate_all = world
        .apply(&declared(|number| if number == 0 { "3" } else { "2" }))
        .await;
    let delete_all = world.apply(&Configuration::new()).await;
    Requests {
        plan: plan.requests,
        rotate_one: rotate_one.succeeds().requests,
        rotate_all: rotate_all.succeeds().requests,
        delete_all: delete_all.succeeds().requests,
    }
}

#[tokio::test(start_paused = true)]
async fn requests_match_the_documented_table_and_do_not_grow_with_tokens_times_roles() {
    let mut measured = BTreeMap::new();
    for (roles, tokens) in [(1, 1), (1, 10), (10, 1), (10, 10), (100, 1), (100, 10)] {
        measured.insert((roles, tokens), measure(roles, tokens).await);
    }
    let (few, many) = (measured[&(10, 10)], measured[&(100, 10)]);
    assert_eq!(
        many.plan - few.plan,
        90,
        "a plan reads the assignments of each role once"
    );
    for (few, many) in [
        (few.rotate_one, many.rotate_one),
        (few.rotate_all, many.rotate_all),
        (few.delete_all, many.delete_all),
    ] {
        // The plan and the apply read them once each. Concurrent changes may repeat a few reads.
        assert!((180..=200).contains(&(many - few)), "{measured:#?}");
    }
    for ((roles, tokens), requests) in &measured {
        let documented = documented_row(*roles, *tokens);
        for (documented, measured) in documented.into_iter().zip(requests.all()) {
            // A few reads depend on the order of concurrent changes.
            let is_close = documented.abs_diff(measured) * 10 <= documented;
            assert!(is_close, "documented: {documented}, measured: {requests:#?}");
        }
    }
}

/// Returns the figures of a row of the table in docs/DEVELOPING.md.
fn documented_row(roles: usize, tokens: usize) -> [usize; 4] {
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/DEVELOPING.md"));
    let row = format!("| {roles} | {tokens} | ");
    let row = page.lines().find_map(|line| line.strip_prefix(&row));
    let row = row.unwrap_or_else(|| panic!("docs/DEVELOPING.md has no row for {roles} roles and {tokens} tokens"));
    let figures: Vec<_> = row.split('|').filter_map(|figure| figure.trim().parse().ok()).collect();
    figures.try_into().unwrap_or_else(|row| panic!("{row:?}"))
}
