package main

import (
	"context"
	"errors"
	"time"
)

// Task scopes and the states a task passes through.
const (
	scopeHost     = "host"
	scopeDatabase = "database"

	taskPending   = "pending"
	taskRunning   = "running"
	taskCompleted = "completed"
	taskFailed    = "failed"
	taskCanceling = "canceling"
	taskCanceled  = "canceled"
)

// storedTask is a task's record; workflow is empty where a task cannot be cancelled.
type storedTask struct {
	Scope       string    `json:"scope"`
	EntityID    string    `json:"entity_id"`
	ParentID    string    `json:"parent_id,omitempty"`
	DatabaseID  string    `json:"database_id,omitempty"`
	HostID      string    `json:"host_id,omitempty"`
	TaskID      string    `json:"task_id"`
	CreatedAt   time.Time `json:"created_at"`
	CompletedAt time.Time `json:"completed_at"`
	Type        string    `json:"type"`
	Workflow    string    `json:"workflow_id,omitempty"`
	Status      string    `json:"status"`
	Error       string    `json:"error,omitempty"`
}

// taskRecord is what stands under a task's key.
type taskRecord struct {
	Task storedTask `json:"task"`
}

// taskPrefix is where the tasks of a scope (all of them if entity is empty) are kept; the older
// generation has tasks of databases only.
func (s *settings) taskPrefix(scope, entity string) string {
	prefix := "/tasks_v2/"
	if s.older {
		prefix = "/tasks/"
	} else if scope != "" {
		prefix += scope + "/"
	}
	if entity == "" {
		return prefix
	}
	return prefix + entity + "/"
}

func (a *app) taskKey(task storedTask) string {
	return a.settings.taskPrefix(task.Scope, task.EntityID) + task.TaskID
}

// keepTask writes a task's record and returns its key.
func (a *app) keepTask(ctx context.Context, task storedTask) (string, error) {
	key := a.taskKey(task)
	return key, put(ctx, a.node.client, key, taskRecord{task})
}

func (a *app) readTask(ctx context.Context, key string) (storedTask, error) {
	record, err := get[taskRecord](ctx, a.node.client, key)
	return record.Task, err
}

// newTask makes the record of a pending task.
func newTask(scope, entity, kind, parent string) storedTask {
	task := storedTask{
		Scope: scope, EntityID: entity, ParentID: parent, TaskID: newTaskID(),
		CreatedAt: time.Now(), Type: kind, Status: taskPending,
	}
	if scope == scopeHost {
		task.HostID = entity
	} else {
		task.DatabaseID = entity
	}
	return task
}

// setTask moves a task on; a completed one stays as it is. A cause means failure.
func (a *app) setTask(ctx context.Context, key, status string, cause error) error {
	task, err := a.readTask(ctx, key)
	if err != nil {
		return err
	}
	switch task.Status {
	case taskCompleted, taskFailed, taskCanceled:
		return nil
	}
	task.Status = status
	if cause != nil {
		task.Error = cause.Error()
	}
	switch status {
	case taskCompleted, taskFailed, taskCanceled:
		task.CompletedAt = time.Now()
	}
	_, err = a.keepTask(ctx, task)
	return err
}

// getTask reads one task; errTaskNotFound if there is none of that id.
func (a *app) getTask(ctx context.Context, scope, entity, id string) (storedTask, error) {
	task, err := a.readTask(ctx, a.settings.taskPrefix(scope, entity)+id)
	if errors.Is(err, errNotFound) {
		return task, errTaskNotFound
	}
	return task, err
}

// describeTask is the API's form of a task; the older generation has no scope and entity.
func (a *app) describeTask(task storedTask) map[string]any {
	described := map[string]any{
		"task_id":    task.TaskID,
		"created_at": task.CreatedAt.Format(time.RFC3339),
		"type":       task.Type,
		"status":     task.Status,
	}
	optional := map[string]string{
		"parent_id": task.ParentID, "database_id": task.DatabaseID, "host_id": task.HostID,
		"error": task.Error,
	}
	if !a.settings.older {
		optional["scope"], optional["entity_id"] = task.Scope, task.EntityID
	}
	for name, value := range optional {
		if value != "" {
			described[name] = value
		}
	}
	if !task.CompletedAt.IsZero() {
		described["completed_at"] = task.CompletedAt.Format(time.RFC3339)
	}
	return described
}
