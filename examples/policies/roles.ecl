// Role based access: what each role may do, and on which resources.
const READERS = ["viewer", "editor", "admin"];
const WRITERS = ["editor", "admin"];

fn may(role: string, action: string) -> bool {
    if action == "read" { return role in READERS; }
    if action == "write" { return role in WRITERS; }
    return role == "admin";
}

policy roles(roles: [string], action: string, resource: string) {
    require !str_starts_with(resource, "system/") || "admin" in roles, "system resources are for admins";
    require any(role in roles, may(role, action)), "no role allows it";
}
