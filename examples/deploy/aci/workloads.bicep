// The two roles that a release needs, defined from the files in ../roles and given on this resource group alone.
param principalId string

var definitions = [
  loadJsonContent('../roles/azure-workloads.json')
  loadJsonContent('../roles/azure-traffic.json')
]

resource roles 'Microsoft.Authorization/roleDefinitions@2022-04-01' = [
  for definition in definitions: {
    name: guid(resourceGroup().id, definition.Name)
    properties: {
      // A role's name is unique in the whole tenant.
      roleName: '${definition.Name} (${subscription().subscriptionId}, ${resourceGroup().name})'
      description: definition.Description
      type: 'CustomRole'
      permissions: [{ actions: definition.Actions, notActions: [], dataActions: [], notDataActions: [] }]
      assignableScopes: [resourceGroup().id]
    }
  }
]

resource assignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (definition, i) in definitions: {
    name: guid(resourceGroup().id, principalId, definition.Name)
    properties: {
      principalId: principalId
      // A new identity takes a while to be known everywhere; with its type said, it is not looked up.
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[i].name)
    }
  }
]
