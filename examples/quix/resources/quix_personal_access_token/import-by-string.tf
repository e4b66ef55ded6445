import {
  to = quix_personal_access_token.ci
  id = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
}
